// The list of documents: fetched from the API and drawn by windows of rows, so that thousands stay light.
// What comes from outside goes in as text, never as HTML.

privity.shelf = (element) => {
  const { $, all, here } = privity;
  const LOOKED_UP = 200;  // documents at most whose learners are told before they are deleted
  const EACH = 1200;  // ms between looks while files are being read
  const shelf = $(".shelf", element);
  const words = JSON.parse(shelf.dataset.words);
  const { make, bar } = privity.cells;
  const cells = privity.cells.of(words);
  const narrowing = privity.narrowing(words);
  const [chips, told, empty] = [".chips", ".told", ".empty"].map((one) => $(one, shelf));
  const filter = $("[data-filter]", shelf);

  const view = { words: "", state: "", kinds: new Set(), type: "", party: "", sort: "title", down: false, open: new Set() };
  let matter = "";
  let files = [];
  let raw = null;  // the last reply; null before the first
  let rows = [];
  let chosen = new Set();
  let anchor = "";
  let picked = "";  // what the inspector shows
  let looked = "";  // what it was asked for last, from here
  let timer;
  const reach = (id, event) => choose(id, { shift: event.shiftKey });
  const list = privity.table($(".grid", shelf), { id: (row) => row.file.id, line, reach, drawn: drawChosen });
  const { box: rowsBox, space, index, reveal, paint } = list;

  // --- from the API

  async function load() {
    clearTimeout(timer);
    const asked = matter;
    if (!asked) return;
    const reply = await fetch(`/api/matters/${asked}/documents`).catch(() => null);
    const text = reply && reply.ok ? await reply.text() : null;
    if (asked !== matter) return;
    if (text !== null && text !== raw) take(text);
    if (files.some((file) => words.working.includes(file.state)) && open()) timer = setTimeout(load, EACH);
  }

  function take(text) {
    const before = standing(files);
    const first = raw === null;
    raw = text;
    files = JSON.parse(text).documents;
    const known = new Set(shown().map((file) => file.id));
    chosen = new Set([...chosen].filter((id) => known.has(id)));
    if (!known.has(list.cursor)) list.cursor = anchor = "";
    draw();
    if (!first && before !== standing(files)) privity.send("shelf", { do: "changed" });
  }
  const standing = (some) => some.map((file) => file.id + file.state + file.current).join();
  const shown = () => [...files, ...privity.uploads.of(matter)];
  const open = () => here().view === "library" && document.visibilityState === "visible";
  function soon() { clearTimeout(timer); timer = setTimeout(load, 250); }

  function visit() {
    const now = here();
    if (now.matter !== matter) {
      matter = now.matter || "";
      [files, raw, chosen, list.cursor, anchor] = [[], null, new Set(), "", ""];
      Object.assign(view, { words: "", state: "", kinds: new Set(), type: "", party: "", open: new Set() });
      filter.value = "";
      told.replaceChildren();
      draw();
    }
    if (now.view === "library" && !now.searching) load();
    if (now.picked !== picked && now.picked !== looked && files.some((file) => file.id === now.picked)) point(now.picked);
    picked = now.picked;
  }
  function point(id) { list.cursor = anchor = id; chosen = new Set([id]); reveal(); paint(); }

  // --- drawing

  function draw() {
    const every = shown();
    rows = privity.rows.arrange(every, view, words);
    $("[data-count]", shelf).textContent = count(every, rows);
    $(".grid", shelf).hidden = !rows.length;
    say(every);
    drawChips(every);
    drawFacets(every);
    list.show(rows, view);
  }

  function count(every, some) {
    if (!every.length) return "";
    const all = every.length === 1 ? "1 document" : `${every.length.toLocaleString("en")} documents`;
    const fitting = some.filter((row) => row.fits).length;
    const narrowed = view.words || view.state || view.kinds.size || view.type || view.party;
    return narrowed ? `${fitting.toLocaleString("en")} of ${all}` : all;
  }

  function say(every) {
    empty.hidden = rows.length > 0 || Boolean(matter && raw === null);
    const [heading, what] = !matter ? ["Begin with a matter", "Documents belong to a matter. Open one from the menu above."]
      : !every.length ? ["No documents yet", "Drop files or folders here, or choose Add files. Every file’s state is shown, and a bad one never stops the others."]
      : ["No document matches", "Clear the filter, or choose All."];
    $("h2", empty).textContent = heading;
    $("p", empty).textContent = what;
    drawProgress();
  }

  function drawChosen() {
    const some = $(".chosen", shelf);
    some.hidden = chosen.size < 2;
    $("b", some).textContent = `${chosen.size.toLocaleString("en")} selected`;
  }

  function line(row) {
    const { file } = row;
    const box = make("div", `file${chosen.has(file.id) ? " on" : ""}${row.fits ? "" : " pale"}`);
    box.dataset.id = file.id;
    box.setAttribute("aria-level", row.level + 1);
    box.setAttribute("aria-selected", chosen.has(file.id));
    if (row.children) box.setAttribute("aria-expanded", row.open);
    for (const column of words.columns) {
      const cell = cells[column](file, row);
      cell.classList.add(`c-${column}`);
      cell.setAttribute("role", "gridcell");
      box.append(cell);
    }
    return box;
  }

  // --- chips above the list, facets beside it

  function drawChips(every) {
    chips.hidden = !every.length;
    keepFocus(chips, narrowing.chips(every, view));
  }
  function drawFacets(every) {
    const box = $("#facets .facets");
    if (box) keepFocus(box, narrowing.facets(every, view));
  }
  function keepFocus(box, made) {
    const at = [...box.querySelectorAll("button")].indexOf(document.activeElement);
    box.replaceChildren(...made);
    const again = box.querySelectorAll("button")[at];
    if (at >= 0 && again) again.focus();
  }

  // --- files on their way

  function drawProgress() {
    const { all: every, left, waiting } = privity.uploads.progress();
    let box = $(".onway", told);
    if (!left) { if (box) box.remove(); } else {
      if (!box) { box = make("div", "onway"); told.prepend(box); }
      const stop = make("button", "btn", "Stop sending");
      stop.dataset.stop = "1";
      box.replaceChildren(bar((every - left) / Math.max(every, 1)), make("span", "grow", `Sending ${every - left + 1} of ${every}`), ...(waiting ? [stop] : []));
    }
    told.hidden = !told.childElementCount;
  }

  function arrived(filed, sent) {
    if (filed.state === "duplicate") tell(`${sent.title}: ${filed.reason}`);
    else if (filed.matter === matter && !files.some((file) => file.id === filed.id)) { files.push(filed); raw = ""; }
    soon();
  }

  function tell(sentence) {
    const box = make("div");
    const close = make("button", "btn", "Dismiss");
    close.dataset.dismiss = "1";
    box.append(make("span", "grow", sentence), close);
    told.append(box);
    told.hidden = false;
  }
  privity.uploads.listen(arrived, () => { if (open()) draw(); });

  // --- choosing

  function choose(id, { shift, control }) {
    if (shift) { anchor = anchor || id; chosen = new Set(list.range(anchor, id)); }
    else if (control) { if (chosen.has(id)) chosen.delete(id); else chosen.add(id); anchor = id; }
    else { chosen = new Set([id]); anchor = id; }
    list.cursor = id;
    reveal();
    paint();
    if (!shift && !control) look(id);
  }

  let looking;
  function look(id) {
    clearTimeout(looking);
    if (id.startsWith("up-")) return;
    looking = setTimeout(() => { looked = id; privity.drawer(true); privity.send("shelf", { do: "pick", id }); }, 120);
  }

  function openFile(id) {
    const row = rows[index(id)];
    clearTimeout(looking);
    if (!row || id.startsWith("up-")) return;
    privity.drawer(true);
    privity.send("shelf", { do: row.file.characters ? "read" : "pick", id });
  }

  function twist(id, opened) {
    if (opened) view.open.add(id); else view.open.delete(id);
    draw();
  }

  // --- deleting

  // What was trained on the documents, and goes on without them.
  async function learned(ids) {
    if (ids.length > LOOKED_UP) return "";
    const reply = await fetch(`/api/lineage?${new URLSearchParams(ids.map((id) => ["document", id]))}`).catch(() => null);
    return reply && reply.ok ? (await reply.json()).told : "";
  }

  async function confirmDelete() {
    const ids = [...chosen];
    const sent = ids.filter((id) => id.startsWith("up-"));
    sent.forEach(privity.uploads.forget);
    const kept = ids.filter((id) => !id.startsWith("up-"));
    if (!kept.length) return draw();
    const first = files.find((file) => file.id === kept[0]);
    const what = kept.length === 1 ? first.title.split("/").pop() : `${kept.length.toLocaleString("en")} documents`;
    const [them, their] = kept.length === 1 ? ["It", "its"] : ["They", "their"];
    const question = `Delete ${what}, with ${their} versions and attachments? ${them} will not be searched or quoted again. This cannot be undone.`;
    privity.dialog(question, "Delete", [], () => remove(kept), await learned(kept));
  }

  async function remove(documents) {
    rowsBox.setAttribute("aria-busy", "true");
    const body = JSON.stringify({ documents });
    const headers = { "Content-Type": "application/json" };
    const reply = await fetch(`/api/matters/${matter}/documents/delete`, { method: "POST", headers, body }).catch(() => null);
    rowsBox.removeAttribute("aria-busy");
    if (!reply || !reply.ok) {
      const said = reply ? await reply.json().catch(() => null) : null;
      tell(said && said.error ? said.error.message : "The service does not answer. Try again.");
    }
    await load();
    rowsBox.focus();
  }

  // --- what a person does

  shelf.addEventListener("click", (event) => {
    const { target } = event;
    const hit = (selector) => target.closest(selector);
    const row = hit(".file");
    if (row && hit(".twist:not(.none)")) twist(row.dataset.id, !rows[index(row.dataset.id)].open);
    else if (row) { rowsBox.focus({ preventScroll: true }); choose(row.dataset.id, { shift: event.shiftKey, control: event.ctrlKey || event.metaKey }); }
    else if (hit("[data-sort]")) sortBy(hit("[data-sort]").dataset.sort);
    else if (hit(".pill")) narrow(hit(".pill").dataset);
    else if (hit("[data-delete]")) confirmDelete();
    else if (hit("[data-clear]")) clear();
    else if (hit("[data-stop]")) privity.uploads.stop();
    else if (hit("[data-dismiss]")) { hit("[data-dismiss]").parentElement.remove(); told.hidden = !told.childElementCount; }
    else if (target === rowsBox || target === space) clear();
  });
  shelf.addEventListener("dblclick", (event) => {
    const row = event.target.closest(".file");
    if (row && !event.target.closest(".twist:not(.none)")) openFile(row.dataset.id);
  });
  shelf.addEventListener("mousedown", (event) => { if (event.shiftKey && event.target.closest(".file")) event.preventDefault(); });
  filter.addEventListener("input", () => { view.words = filter.value.trim(); rowsBox.scrollTop = 0; draw(); });
  document.addEventListener("visibilitychange", () => { if (open()) load(); });
  document.addEventListener("click", (event) => {
    const one = event.target.closest("#facets .facet");
    if (!one) return;
    const { facet: key, value } = one.dataset;
    view[key] = view[key] === value ? "" : value;
    if (here().searching !== undefined) privity.send("seek", { do: "close_search" });
    draw();
  });

  function sortBy(column) {
    privity.table.sortBy(view, column);
    draw();
    reveal();
  }

  function narrow(data) {
    if (data.clear) { view.state = view.type = view.party = ""; view.kinds.clear(); }
    if (data.state) view.state = view.state === data.state ? "" : data.state;
    if (data.kind && !view.kinds.delete(data.kind)) view.kinds.add(data.kind);
    rowsBox.scrollTop = 0;
    draw();
  }

  function clear() { chosen = new Set(); anchor = list.cursor; paint(); }

  const keys = {
    ...list.keys,
    arrowright: () => { const row = list.row(list.cursor); if (row && row.children && !row.open) twist(row.file.id, true); },
    arrowleft: () => {
      const row = list.row(list.cursor);
      if (row && row.open && row.children) twist(row.file.id, false);
      else if (row && index(row.file.parent) >= 0) choose(row.file.parent, {});
    },
    enter: () => openFile(list.cursor),
    delete: () => { if (chosen.size) confirmDelete(); },
    " ": () => { if (list.cursor) choose(list.cursor, { control: true }); },
  };

  privity.key((event, { control, name, typing }) => {
    const now = here();
    if (now.view !== "library" || now.searching !== undefined) return false;
    if (name === "escape") return escape(event);
    if (!typing && !control && name === "/") { filter.focus(); filter.select(); return true; }
    if (event.target === filter && (name === "arrowdown" || name === "enter")) { rowsBox.focus(); list.step(1, event); return true; }
    const listed = event.target === rowsBox || event.target === document.body;
    if (!listed || event.altKey) return false;
    if (control && name === "a") { chosen = new Set(rows.filter((row) => row.fits).map((row) => row.file.id)); paint(); return true; }
    if (control || !keys[name]) return false;
    keys[name](event);
    return true;
  });

  // One step back at a time: the filter's words, the open document, the selection, the file that is looked at.
  function escape(event) {
    if (event.target === filter && filter.value) { filter.value = view.words = ""; draw(); }
    else if ($("#source .reader")) { privity.drawer(false); privity.send("source", { do: "close" }); rowsBox.focus(); }
    else if (chosen.size > 1) clear();
    else if ($("#source header")) { privity.drawer(false); clear(); privity.send("source", { do: "unpick" }); rowsBox.focus(); }
    else rowsBox.focus();
    return true;
  }

  privity.after("rail", visit);
  privity.library = { files: () => files, words };
  visit();
};
