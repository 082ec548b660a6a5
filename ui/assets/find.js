// Find in the open document. The whole canonical text is searched, whatever part of it is drawn; offsets are code
// points of it, as everywhere. In a text the words are highlighted where they stand, on page pictures by rectangles.

privity.find = (() => {
  const { $, all, reader } = privity;
  const MOST = 5000;  // places that are counted
  const state = { document: "", text: "", query: "", places: [], at: -1 };

  const field = () => $("#source [data-find]");
  const open = () => $("#source .reader");

  async function fetchText() {
    const { document: id } = open().dataset;
    if (state.document === id) return;
    const reply = await fetch(`/api/documents/${id}/text`).catch(() => null);
    Object.assign(state, { document: id, text: reply && reply.ok ? await reply.text() : "", places: [], at: -1 });
  }

  // Letters of either case; any run of spaces or line breaks for a space; either shape of quotes and hyphens.
  function pattern(query) {
    const plain = query.replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
    const loose = plain.replace(/\s+/g, "\\s+").replace(/['’‘]/g, "['’‘]").replace(/["“”]/g, "[\"“”]").replace(/[-‐‑–—]/g, "[-‐‑–—]");
    return new RegExp(loose, "giu");
  }

  function places(text, query) {
    const found = [];
    if (!query) return found;
    for (const hit of text.matchAll(pattern(query))) {
      found.push([hit.index, hit.index + hit[0].length]);
      if (found.length === MOST) break;
    }
    return points(text, found);
  }

  // UTF-16 units to code points; the same where the text has no letter beyond the basic plane.
  function points(text, found) {
    if (!/[\ud800-\udfff]/.test(text)) return found;
    let [unit, point] = [0, 0];
    const at = (target) => {
      while (unit < target) { unit += text.codePointAt(unit) > 0xffff ? 2 : 1; point += 1; }
      return point;
    };
    return found.map(([a, b]) => [at(a), at(b)]);
  }

  async function seek() {
    const query = field().value.trim();
    await fetchText();
    if (!field() || field().value.trim() !== query) return;
    Object.assign(state, { query, places: places(state.text, query), at: -1 });
    highlight();
    step(1, false);
  }

  function step(by, focus = true) {
    const n = state.places.length;
    if (n) state.at = (state.at + by + n) % n;
    if (n && by > 0 && !focus) state.at = nearest();
    say();
    if (n) show();
  }

  // The first place at or after what is on the screen.
  function nearest() {
    const top = reader.pages().getBoundingClientRect().top;
    const first = all("#source .sheet p[data-at], #source figure[data-from]").find((one) => one.getBoundingClientRect().bottom > top);
    const from = first ? Number(first.dataset.at ?? first.dataset.from) : 0;
    const at = state.places.findIndex(([start]) => start >= from);
    return Math.max(at, 0);
  }

  function say() {
    const said = $("#source [data-hits]");
    const n = state.places.length;
    const many = n === MOST ? `${MOST}+` : n;
    if (said) said.textContent = !state.query ? "" : n ? `${state.at + 1} of ${many}` : "none";
  }

  // --- in a text: the browser's own highlights, which leave the document as it is

  function range(start, end, some) {
    const made = new Range();
    const [a, b] = [locate(start, some), locate(end, some)];
    if (!a || !b) return null;
    made.setStart(...a);
    made.setEnd(...b);
    return made;
  }

  // The text node that holds an offset, and the place in it. Words that are not part of the text are stepped over.
  function locate(offset, some) {
    const home = reader.paragraph(offset, some);
    if (!home) return null;
    let left = offset - Number(home.dataset.at);
    const walker = document.createTreeWalker(home, NodeFilter.SHOW_TEXT, (node) =>
      node.parentElement.closest("del") ? NodeFilter.FILTER_REJECT : NodeFilter.FILTER_ACCEPT);
    let last = null;
    while (walker.nextNode()) {
      const node = last = walker.currentNode;
      const length = [...node.data].length;
      if (left <= length) return [node, [...node.data].slice(0, left).join("").length];
      left -= length;
    }
    return last ? [last, last.data.length] : null;
  }

  function highlight() {
    if (!window.CSS || !CSS.highlights || !open()) return;
    CSS.highlights.delete("find");
    CSS.highlights.delete("found");
    if (open().dataset.face !== "text") return;
    const some = reader.paragraphs();
    const ranges = state.places.map(([start, end]) => range(start, end, some)).filter(Boolean);
    if (ranges.length) CSS.highlights.set("find", new Highlight(...ranges));
  }

  async function show() {
    const [start, end] = state.places[state.at];
    if (open().dataset.face === "pages") return showOnPage(start, end);
    const some = reader.paragraphs();
    if (!reader.paragraph(start, some)) return reader.land(start);  // the part of a long text that holds it comes first
    const found = range(start, end, some);
    if (!found) return undefined;
    if (window.CSS && CSS.highlights) CSS.highlights.set("found", new Highlight(found));
    return reader.center(found.getBoundingClientRect());
  }

  async function showOnPage(start, end) {
    const { document: id } = open().dataset;
    const reply = await fetch(`/api/documents/${id}/highlight?start=${start}&end=${end}`).catch(() => null);
    if (!reply || !reply.ok || !open() || open().dataset.document !== id) return;
    all("#source .mark.found").forEach((one) => one.remove());
    for (const { number, rects } of (await reply.json()).pages) {
      for (const [x0, y0, x1, y1] of rects) {
        const mark = document.createElement("i");
        mark.className = "mark found";
        Object.assign(mark.style, { left: `${100 * x0}%`, top: `${100 * y0}%`, width: `${100 * (x1 - x0)}%`, height: `${100 * (y1 - y0)}%` });
        document.getElementById(`page-${number}`)?.append(mark);
      }
    }
    const first = $("#source .mark.found");
    if (first) reader.center(first.getBoundingClientRect());
  }

  function clear() {
    Object.assign(state, { query: "", places: [], at: -1 });
    all("#source .mark.found").forEach((one) => one.remove());
    highlight();
    say();
  }

  // --- what a person does

  let pause;
  document.addEventListener("input", (event) => {
    if (event.target !== field()) return;
    clearTimeout(pause);
    pause = setTimeout(seek, 120);
  });
  privity.after("source", () => {
    if (!open()) { if (window.CSS && CSS.highlights) { CSS.highlights.delete("find"); CSS.highlights.delete("found"); } return; }
    if (state.document !== open().dataset.document) { Object.assign(state, { document: "", query: "", places: [], at: -1 }); return; }
    if (!state.query || !field() || ![state.query, ""].includes(field().value.trim())) return;
    field().value = field().value || state.query;
    highlight();
    say();
    requestAnimationFrame(() => { if (open() && state.at >= 0 && reader.paragraph(state.places[state.at][0])) show(); });
  });
  Object.assign(privity.doings, { before: () => step(-1), after: () => step(1) });
  privity.key((event, { control, name }) => {
    if (control && name === "f" && open() && event.target !== field()) { field().focus(); field().select(); return true; }
    if (event.target !== field() || !field()) return false;
    if (name === "enter") { step(event.shiftKey ? -1 : 1); return true; }
    if (name === "escape") { if (field().value) { field().value = ""; clear(); } reader.pages().focus(); return true; }
    return false;
  });

  return { places };
})();
