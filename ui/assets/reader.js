// The open document: its place, jumps and the way back, the outline that follows, definitions on hover, how tracked
// changes are shown, how large its pages are.

privity.reader = (() => {
  const { $, all } = privity;
  let read = "";  // what the reader showed last
  const trail = [];  // where jumps came from
  let still = 0;  // until when the outline keeps to the cited clause, though the page is being scrolled there
  let wanted = null;  // an offset to go to once its part of a long text has come

  const pages = () => $("#source .pages");
  const paragraphs = () => all("#source .sheet [data-at]:is(p)");

  privity.after("source", (pane) => {
    const reader = $(".reader", pane);
    if (!reader) { read = ""; trail.length = 0; return; }
    // Words that are cited, or a document that is opened, are first shown with all that is tracked in them.
    if (reader.dataset.key !== read) document.body.dataset.as = "changes";
    pressAs();
    if (reader.dataset.key === read) return;
    if (reader.dataset.document !== read.split("/")[0]) { trail.length = 0; wanted = null; }
    read = reader.dataset.key;
    pages().addEventListener("scroll", follow, { passive: true });
    if (wanted === null) toCited(); else { const at = wanted; wanted = null; requestAnimationFrame(() => land(at)); }
  });

  function show(key) { if (read.endsWith(key)) toCited(); }

  function toCited() {
    const mark = $("#source mark, #source .mark");
    still = performance.now() + 400;
    const entry = $("#source .outline .on");
    requestAnimationFrame(() => {
      if (!pages()) return;
      if (mark) center(mark.getBoundingClientRect()); else pages().scrollTop = 0;
      pages().scrollLeft = (pages().scrollWidth - pages().clientWidth) / 2;
      if (entry) entry.scrollIntoView({ block: "nearest" });
    });
  }

  function center(box) {
    const frame = pages().getBoundingClientRect();
    pages().scrollTop += box.top - frame.top - frame.height * 0.3;
  }

  // --- jumps: to a page by its id, or to an offset of the text

  function go(where) {
    if (!pages()) return;
    trail.push(pages().scrollTop);
    $('#source [data-do="back"]').hidden = false;
    land(where);
  }

  function land(where) {
    if (/^page-/.test(where)) return document.getElementById(where)?.scrollIntoView({ block: "start" });
    const at = Number(where);
    const target = paragraph(at);
    if (!target) { wanted = at; privity.send("source", { do: "around", at: String(at) }); return; }
    all("#source .sheet .here").forEach((one) => one.classList.remove("here"));
    target.classList.add("here");
    pages().scrollTop += target.getBoundingClientRect().top - pages().getBoundingClientRect().top - 24;
  }

  // The paragraph that holds an offset, or undefined when that part of the text is not drawn.
  function paragraph(at, some = paragraphs()) {
    let [low, high] = [0, some.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (Number(some[middle].dataset.at) <= at) low = middle + 1; else high = middle;
    }
    const beyond = all("#source .cut");
    if (!low) return beyond.length ? undefined : some[0];
    if (low === some.length && beyond.some((one) => one.nextElementSibling === null)) return undefined;
    return some[low - 1];
  }

  function back() {
    const top = trail.pop();
    if (top !== undefined) pages().scrollTop = top;
    $('#source [data-do="back"]').hidden = !trail.length;
  }

  // --- the outline shows where one is

  let following = 0;
  function follow() {
    if (performance.now() < still) return;
    cancelAnimationFrame(following);
    following = requestAnimationFrame(() => {
      const box = pages();
      if (!box) return;
      const top = box.getBoundingClientRect().top + 40;
      const some = all("#source .sheet p[data-at], #source figure[data-from]");
      const at = some.findLast((one) => one.getBoundingClientRect().top <= top) || some[0];
      const next = at && at.nextElementSibling;
      const offset = at ? Number(at.dataset.at ?? at.dataset.from) : 0;
      const entries = all("#source .outline [data-start]");
      const pictured = at && at.dataset.from !== undefined;
      const within = pictured && next && next.dataset ? Number(next.dataset.from ?? Infinity) : offset + 1;
      const here = entries.findLast((one) => Number(one.dataset.start) <= offset) || (pictured && entries.find((one) => Number(one.dataset.start) < within));
      entries.forEach((one) => one.classList.toggle("on", one === here));
      if (here) here.scrollIntoView({ block: "nearest" });
    });
  }

  // --- tracked changes: with their marks, as if all were accepted, or as if none were

  function pressAs() {
    const how = document.body.dataset.as;
    all('#source [data-do="as"]').forEach((one) => {
      one.classList.toggle("on", one.dataset.as === how);
      one.setAttribute("aria-pressed", one.dataset.as === how);
    });
  }

  // --- definitions

  const hint = document.createElement("div");
  hint.id = "hint";
  hint.setAttribute("role", "tooltip");
  hint.hidden = true;
  function define(event) {
    const term = event.target.closest?.("#source .term");
    const words = term && document.getElementById(`term-${term.dataset.term}`);
    hint.hidden = !words;
    if (!words) return;
    hint.replaceChildren(...[...words.childNodes].map((node) => node.cloneNode(true)));
    if (!hint.isConnected) $("#win").append(hint);
    const box = term.getBoundingClientRect();
    hint.style.left = `${Math.max(8, Math.min(box.left, innerWidth - hint.offsetWidth - 12))}px`;
    const below = box.bottom + 6 + hint.offsetHeight < innerHeight;
    hint.style.top = `${below ? box.bottom + 6 : box.top - hint.offsetHeight - 6}px`;
  }
  document.addEventListener("mouseover", define);
  document.addEventListener("focusin", define);
  document.addEventListener("scroll", () => { hint.hidden = true; }, true);

  // --- size of the pages

  function zoom(by) {
    const scale = Math.min(3, Math.max(1, Number(getComputedStyle(document.body).getPropertyValue("--zoom") || 1) * by));
    document.body.style.setProperty("--zoom", scale);
    localStorage.setItem("privity.zoom", scale);
    toCited();
  }
  const scale = localStorage.getItem("privity.zoom");
  document.addEventListener("DOMContentLoaded", () => { if (scale) document.body.style.setProperty("--zoom", scale); });

  Object.assign(privity.doings, {
    outline: () => document.body.classList.toggle("outlined"),
    larger: () => zoom(1.2),
    smaller: () => zoom(1 / 1.2),
    as: (button) => { document.body.dataset.as = button.dataset.as; pressAs(); },
    back,
  });
  privity.key((event, { name }) => {
    if (event.altKey && name === "arrowleft" && trail.length) { back(); return true; }
    return false;
  });

  return { show, go, land, center, paragraph, paragraphs, pages };
})();
