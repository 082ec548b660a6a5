// Files and folders go from the browser straight to the API, one request each, so that nothing of them lies in
// Gradio's own cache and every file's progress can be seen. A file on its way stands in the list like the others.

privity.uploads = (() => {
  const AT_ONCE = 3;
  const files = [];  // on their way, or refused, in the shape of the API's files
  const queue = [];
  let sending = 0;
  let all = 0;  // since the last time that nothing was on its way
  let numbers = 0;
  let told = () => {};  // (file) once one has ended
  let drawn = () => {};  // once something is to be seen

  const facts = { type: "", parties: [], dated: "", law: "", amends: "" };
  function waiting(file, path, matter, replaces) {
    numbers += 1;
    const kind = (/\.(\w+)$/.exec(path) || ["", ""])[1].toLowerCase();
    return {
      id: `up-${numbers}`, title: path, kind, matter, state: privity.rows.SENDING, reason: "", size: file ? file.size : 0, pages: 0,
      passages: 0, done: 0, share: 0, added: Date.now() / 1000, ledger: [], facts, parent: "", version: 1, current: true,
      sending: true, file, replaces,
    };
  }

  function add(entries, replaces = "") {
    const { matter } = privity.here();
    if (!matter) return;
    for (const [file, path] of entries) {
      const one = waiting(file, path, matter, replaces);
      files.push(one);
      if (!file) { refuse(one, "The browser could not read this file. Add it again."); continue; }
      queue.push(one);
      all += 1;
    }
    while (sending < AT_ONCE && queue.length) next();
    drawn();
  }

  function next() {
    const one = queue.shift();
    if (!one) return;
    sending += 1;
    const form = new FormData();
    form.append("files", one.file, one.title);
    if (one.replaces) form.append("replaces", one.replaces);
    const request = new XMLHttpRequest();
    request.open("POST", `/api/matters/${one.matter}/documents`);
    request.upload.onprogress = (event) => { one.share = event.loaded / Math.max(event.total, 1); drawn(); };
    request.onload = () => end(one, request);
    request.onerror = () => refuse(one, "The service does not answer. Add the file again.");
    request.onloadend = () => { sending -= 1; if (!queue.length && !sending) all = 0; next(); drawn(); };
    request.send(form);
  }

  function end(one, request) {
    if (request.status === 401) return location.assign("/login");
    if (request.status >= 400) return refuse(one, sentence(request));
    forget(one.id);
    JSON.parse(request.responseText).documents.forEach((filed) => told(filed, one));
  }

  function sentence(request) {
    try { return JSON.parse(request.responseText).error.message; } catch {
      return `The service refused this file (${request.status}).`;
    }
  }

  function refuse(one, reason) { Object.assign(one, { sending: false, state: "refused", reason, file: null }); }
  function forget(id) { const at = files.findIndex((one) => one.id === id); if (at >= 0) files.splice(at, 1); }
  function stop() { for (const one of queue.splice(0)) { forget(one.id); all -= 1; } drawn(); }
  const of = (matter) => files.filter((one) => one.matter === matter);
  const progress = () => ({ all, left: queue.length + sending, waiting: queue.length });

  // --- files that are chosen or dropped

  document.addEventListener("change", (event) => {
    const field = event.target;
    const { upload } = field.dataset;
    const take = takers[upload === undefined ? "library" : upload || "adapters"];
    if (field.type !== "file" || !take) return;
    take([...field.files].map((file) => [file, file.webkitRelativePath || file.name]), field.dataset.replaces);
    field.value = "";
  });

  // Dropped folders are walked; their paths are kept. Gives [file, path], the file null where it cannot be read.
  async function walk(entry, path = "") {
    if (entry instanceof File) return [[entry, entry.name]];
    if (entry.isFile) return [[await new Promise((done) => entry.file(done, () => done(null))), path + entry.name]];
    const reader = entry.createReader();
    const found = [];
    for (;;) {
      const some = await new Promise((done) => reader.readEntries(done, () => done([])));
      if (!some.length) return found;
      for (const one of some) found.push(...(await walk(one, `${path}${entry.name}/`)));
    }
  }

  // By view, what is done with what is chosen or dropped there.
  const takers = { library: add };
  const taker = () => takers[privity.here().view];
  const carries = (event) => event.dataTransfer && event.dataTransfer.types.includes("Files");
  document.addEventListener("dragover", (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    document.body.classList.toggle("dropping", Boolean(taker()));
  });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) document.body.classList.remove("dropping"); });
  document.addEventListener("drop", async (event) => {
    if (!carries(event)) return;
    event.preventDefault();
    document.body.classList.remove("dropping");
    const take = taker();
    if (!take) return;
    const items = [...event.dataTransfer.items].filter((item) => item.kind === "file");
    const entries = items.map((item) => item.webkitGetAsEntry() || item.getAsFile()).filter(Boolean);
    for (const entry of entries) take(await walk(entry));
  });
  window.addEventListener("beforeunload", (event) => { if (sending) event.preventDefault(); });

  function listen(onEnd, onDraw) { told = onEnd; drawn = onDraw; }
  function into(view, take) { takers[view] = take; }
  return { of, forget, stop, progress, listen, into };
})();
