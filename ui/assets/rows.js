// The order of the library's rows. Pure: files and a view in, the rows to be shown out.
// A view: { words, state, kinds, type, party, sort, down, open } where kinds and open are sets.

privity.rows = (() => {
  const collator = new Intl.Collator(undefined, { numeric: true, sensitivity: "base" });
  const SENDING = "sending";

  // What a column sorts by; a text that is not known comes last whichever way round.
  const keys = {
    title: (file) => file.title.split("/").pop(),
    type: (file) => file.facts.type,
    parties: (file) => file.facts.parties.join(", "),
    dated: (file) => file.facts.dated,
    kind: (file, words) => words.kinds[file.kind] || file.kind,
    pages: (file) => file.pages || "",
    state: (file, words) => group(file, words),
    added: (file) => file.added,
    size: (file) => file.size,
  };

  // A name is the same in capitals, and whatever its spaces.
  function same(name) { return name.toLowerCase().replace(/\s+/g, " ").trim(); }

  // "working", "attention" or "ready"
  function group(file, words) {
    if (file.state === SENDING || words.working.includes(file.state)) return "working";
    return words.fine.includes(file.state) ? "ready" : "attention";
  }

  // By a column's key; a value that is not known, "", comes last whichever way round.
  function order(key, down, tie) {
    return (a, b) => {
      const [x, y] = [key(a), key(b)];
      if ((x === "") !== (y === "")) return x === "" ? 1 : -1;
      const first = typeof x === "number" ? x - y : collator.compare(x, y);
      return (down ? -first : first) || tie(a, b);
    };
  }

  function compare(words, sort, down) {
    const tie = (a, b) => collator.compare(a.title, b.title) || (a.id < b.id ? -1 : 1);
    return order((file) => keys[sort](file, words), down, tie);
  }

  function fits(file, view, words) {
    if (view.state && group(file, words) !== view.state) return false;
    if (view.kinds.size && !view.kinds.has(words.kinds[file.kind] || file.kind)) return false;
    if (view.type && file.facts.type !== view.type) return false;
    if (view.party && !file.facts.parties.some((party) => same(party) === view.party)) return false;
    if (!view.words) return true;
    const held = [file.title, file.facts.type, ...file.facts.parties, file.reason].join("\n").toLowerCase();
    return view.words.toLowerCase().split(/\s+/).every((word) => held.includes(word));
  }

  // Files under the file that they came in. One that fits is shown with its parents, which open for it.
  function arrange(files, view, words) {
    const known = new Set(files.map((file) => file.id));
    const under = new Map();
    const tops = [];
    for (const file of files) {
      if (!known.has(file.parent) || file.parent === file.id) tops.push(file);
      else if (under.has(file.parent)) under.get(file.parent).push(file);
      else under.set(file.parent, [file]);
    }
    const order = compare(words, view.sort, view.down);
    const narrowed = Boolean(view.words || view.state || view.kinds.size || view.type || view.party);
    const rows = [];
    function add(file, level) {
      const children = under.get(file.id) || [];
      const at = rows.length;
      const row = { file, level, children: children.length, open: view.open.has(file.id), fits: fits(file, view, words) };
      rows.push(row);
      const looked = narrowed || row.open ? children.sort(order).filter((child) => add(child, level + 1)) : [];
      const below = narrowed && looked.some((child) => child !== undefined);
      if (narrowed && below) row.open = true;
      if (narrowed && !row.open) rows.length = at + 1;
      if (row.fits || below) return true;
      rows.length = at;
      return false;
    }
    tops.sort(order).forEach((file) => add(file, 0));
    return rows;
  }

  return { arrange, group, same, order, SENDING };
})();
