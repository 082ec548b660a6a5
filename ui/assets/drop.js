
// Files and folders go from the browser straight to the API, one request each, so that nothing of them lies in
// Gradio's own cache and every file's progress can be seen.
const waiting = [];
let sending = false;
const strip = () => element.querySelector(".uploads");

function add(files) {
  const { matter } = document.querySelector("#here").dataset;
  for (const [file, path] of files) waiting.push([file, path, matter]);
  if (!sending) next();
}

function next() {
  const entry = waiting.shift();
  sending = Boolean(entry);
  if (!entry) return;
  const [file, path, matter] = entry;
  const line = row(path);
  const form = new FormData();
  form.append("files", file, path);
  const request = new XMLHttpRequest();
  request.open("POST", `/api/matters/${matter}/documents`);
  request.upload.onprogress = (event) => { line.bar.style.width = `${(100 * event.loaded) / Math.max(event.total, 1)}%`; };
  request.onload = () => { end(line, request); trigger("act", { do: "uploaded" }); next(); };
  request.onerror = () => { fail(line, "The service does not answer. Add the file again."); next(); };
  request.send(form);
}

function row(path) {
  const box = document.createElement("div");
  box.innerHTML = '<span class="what"></span><span class="bar"><i></i></span><span class="soft"></span>';
  box.querySelector(".what").textContent = path;
  box.querySelector(".soft").textContent = waiting.length ? `${waiting.length} more waiting` : "sending";
  strip().append(box);
  strip().hidden = false;
  return { box, bar: box.querySelector("i"), said: box.querySelector(".soft") };
}

function end(line, request) {
  if (request.status === 401) return location.assign("/login");
  if (request.status < 400) { line.box.remove(); strip().hidden = !strip().childElementCount; return; }
  let sentence = `The service refused this file (${request.status}).`;
  try { sentence = JSON.parse(request.responseText).error.message; } catch { /* no sentence in the reply */ }
  fail(line, sentence);
}

function fail(line, sentence) {
  line.box.classList.add("bad");
  line.said.textContent = sentence;
  const close = Object.assign(document.createElement("button"), { textContent: "Dismiss", className: "btn" });
  close.onclick = () => { line.box.remove(); strip().hidden = !strip().childElementCount; };
  line.box.append(close);
}

element.addEventListener("change", (event) => {
  if (event.target.type !== "file") return;
  add([...event.target.files].map((file) => [file, file.webkitRelativePath || file.name]));
  event.target.value = "";
});
element.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && event.target.matches("label")) event.target.querySelector("input").click();
});

// Dropped folders are walked; their paths are kept.
async function walk(entry, path = "") {
  if (entry.isFile) return [[await new Promise((done, no) => entry.file(done, no)), path + entry.name]];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((done, no) => reader.readEntries(done, no));
    if (!some.length) return found;
    for (const one of some) found.push(...(await walk(one, `${path}${entry.name}/`)));
  }
}

const library = () => document.querySelector("#here")?.dataset.view === "library";
document.addEventListener("dragover", (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.toggle("dropping", library());
});
document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
document.addEventListener("drop", async (event) => {
  if (!event.dataTransfer.types.includes("Files")) return;
  event.preventDefault();
  document.body.classList.remove("dropping");
  if (!library()) return;
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  for (const entry of entries) add(await walk(entry));
});
