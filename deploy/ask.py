"""Signs in to a fresh Privity, waits for its samples, asks one question and checks the answer's citations.

python deploy/ask.py http://127.0.0.1:3000 PASSWORD
"""

import sys
import time

import httpx

QUESTION = "How much notice must the tenant give to break the lease of the first floor?"


def main(url: str, password: str) -> int:
    with httpx.Client(base_url=url, timeout=120) as client:
        token = (
            client.post("/api/login", json={"name": "admin", "password": password}).raise_for_status().json()
        )
        client.headers["Authorization"] = f"Bearer {token['token']}"
        matter = client.get("/api/matters").json()["matters"][0]["id"]
        while any(
            filed["state"] in ("queued", "reading", "embedding")
            for filed in client.get(f"/api/matters/{matter}/documents").json()["documents"]
        ):
            time.sleep(1)
        body = {"messages": [{"role": "user", "content": QUESTION}], "matter": matter}
        reply = client.post("/v1/chat/completions", json=body).raise_for_status().json()
        print(reply["choices"][0]["message"]["content"])
        citations = reply["privity"]["citations"]
        texts = {c["document"]: client.get(f"/api/documents/{c['document']}/text").text for c in citations}
    right = [c for c in citations if texts[c["document"]][c["start"] : c["end"]] == c["quote"]]
    return 0 if citations and len(right) == len(citations) else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
