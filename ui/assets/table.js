// A long list under sortable columns: only the rows that are to be seen are drawn, and keys walk them.
// Given are the box, id(row), line(row, at) that makes a row's element, reach(id, event) for a row that is walked to,
// and drawn(), called once the rows stand.

privity.table = (grid, { id, line, reach, drawn = () => {} }) => {
  const { $, all } = privity;
  const ROW = 32;  // pixels, as in library.css
  const box = $(".rows", grid);
  const space = $(".space", box);
  const lines = new Map();  // place in the list -> element
  let rows = [];
  let painting = 0;

  function show(some, { sort, down }) {
    rows = some;
    all("[data-sort]", grid).forEach((one) => {
      one.setAttribute("aria-sort", one.dataset.sort === sort ? (down ? "descending" : "ascending") : "none");
    });
    space.style.height = `${rows.length * ROW}px`;
    box.setAttribute("aria-rowcount", rows.length);
    paint();
  }

  // Only the rows in sight, and a few around them; scrolling keeps those that stay.
  function paint() { lines.clear(); scrolled(); }
  function scrolled() { cancelAnimationFrame(painting); painting = requestAnimationFrame(paintNow); }
  function paintNow() {
    const from = Math.max(0, Math.floor(box.scrollTop / ROW) - 8);
    const till = Math.min(rows.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW) + 8);
    for (const at of lines.keys()) if (at < from || at >= till) { lines.get(at).remove(); lines.delete(at); }
    if (!lines.size) space.replaceChildren();
    const added = [];
    for (let at = from; at < till; at += 1) if (!lines.has(at)) { lines.set(at, placed(at)); added.push(lines.get(at)); }
    space.append(...added);
    $(".cols", grid).style.paddingRight = `calc(var(--side) + ${box.offsetWidth - box.clientWidth}px)`;
    const active = index(list.cursor);
    box.setAttribute("aria-activedescendant", active < 0 ? "" : `${box.id || "row"}-${active}`);
    drawn();
  }
  function placed(at) {
    const made = line(rows[at], at);
    made.id = `${box.id || "row"}-${at}`;
    made.style.top = `${at * ROW}px`;
    made.classList.toggle("at", id(rows[at]) === list.cursor);
    made.setAttribute("role", "row");
    made.setAttribute("aria-rowindex", at + 1);
    return made;
  }

  const index = (one) => rows.findIndex((row) => id(row) === one);
  function reveal(one = list.cursor) {
    const top = index(one) * ROW;
    if (top < 0) return;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + ROW > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW - box.clientHeight;
  }
  function range(from, to) {
    const [a, b] = [index(from), index(to)].sort((x, y) => x - y);
    return rows.slice(Math.max(a, 0), b + 1).map(id);
  }

  function step(by, event) {
    const at = index(list.cursor);
    to(Math.min(Math.max(at < 0 ? (by > 0 ? 0 : rows.length - 1) : at + by, 0), rows.length - 1), event);
  }
  function to(at, event) { if (rows[at]) reach(id(rows[at]), event); }
  const page = () => Math.max(1, Math.floor(box.clientHeight / ROW) - 1);
  const keys = {
    arrowdown: (event) => step(1, event),
    arrowup: (event) => step(-1, event),
    pagedown: (event) => step(page(), event),
    pageup: (event) => step(-page(), event),
    home: (event) => to(0, event),
    end: (event) => to(rows.length - 1, event),
  };

  box.addEventListener("scroll", scrolled);
  new ResizeObserver(scrolled).observe(box);
  const list = { cursor: "", box, space, show, paint, index, reveal, range, step, keys, row: (one) => rows[index(one)] };
  return list;
};

// The view's order after a click on a column's head.
privity.table.sortBy = (view, column) => {
  view.down = view.sort === column && !view.down;
  view.sort = column;
};
