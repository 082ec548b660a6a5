// The adapters: a table of versions and of what was refused, what narrows it beside it, and the gauge of the memory.
// Fetched from the API and drawn here; what comes from outside goes in as text, never as HTML.

privity.adapters = (element) => {
  const { $, here } = privity;
  const EACH = 2000;  // ms between looks while the view is open
  const shelf = $(".shelf", element);
  const words = JSON.parse(shelf.dataset.words);
  const { make, bar } = privity.cells;
  const grid = $(".grid", shelf);
  const view = { words: "", state: "", sort: "name", down: false };
  let every = [];
  let told = null;  // the last reply; null before the first
  let chosen = "";
  let looked = "";  // what the inspector was asked for last, from here
  let model = "";  // the base's name, once it is known
  let timer;
  const reach = (id) => choose(id);
  const list = privity.table(grid, { id: (row) => row.id, line, reach });

  // --- from the API

  const open = () => here().view === "adapters" && document.visibilityState === "visible";
  const fetched = async (path) => {
    const reply = await fetch(path).catch(() => null);
    return reply && reply.ok ? reply.json() : null;
  };

  async function load() {
    clearTimeout(timer);
    if (!open()) return;
    const stock = await fetched("/api/adapters");
    model = model || (await fetched("/api/status"))?.engine?.model || "";
    if (stock) take(stock);
    clearTimeout(timer);
    if (open()) timer = setTimeout(load, EACH);
  }
  function soon() { clearTimeout(timer); timer = setTimeout(load, 150); }

  function take(stock) {
    told = stock;
    every = privity.adapters.rows(stock);
    if (!every.some((row) => row.id === chosen)) chosen = list.cursor = "";
    cards.meet(stock.admissions);
    gauge(stock.memory);
    draw();
  }

  // --- drawing

  function draw() {
    const rows = privity.adapters.arrange(every, view);
    const bases = new Set(every.filter((row) => row.group !== "other" && row.kind !== "search").map((row) => row.base).filter(Boolean));
    grid.classList.toggle("bases", bases.size > 1);
    grid.hidden = !rows.length;
    $(".base", shelf).textContent = bases.size > 1 ? "" : [model && "base", model, ...[...bases].map(privity.adapters.short)].join(" ");
    $("[data-compare]", shelf).hidden = !every.some((row) => row.serves);
    say(rows);
    drawStates();
    list.show(rows, view);
  }

  function say(rows) {
    const empty = $(".empty", shelf);
    empty.hidden = rows.length > 0 || told === null;
    const [heading, what] = every.length ? ["No adapter matches", "Clear the filter, or choose All."]
      : ["No adapters yet", "Drop a zip with adapter_config.json and adapter_model.safetensors here, or choose Upload. It is checked before anybody can use it."];
    $("h2", empty).textContent = heading;
    $("p", empty).textContent = what;
  }

  function line(row) {
    const box = make("div", `file${row.id === chosen ? " on" : ""}${row.group === "published" ? "" : " pale"}`);
    box.dataset.id = row.id;
    box.setAttribute("aria-selected", row.id === chosen);
    for (const column of words.columns) {
      const cell = cells[column](row);
      cell.classList.add(`c-${column}`);
      cell.setAttribute("role", "gridcell");
      box.append(cell);
    }
    return box;
  }

  const text = (value, css = "") => { const cell = make("span", css, value === "" ? "—" : value); if (value !== "") cell.title = value; return cell; };
  const number = (value, shown = (n) => n.toLocaleString("en")) => make("span", "num", value === "" ? "—" : shown(value));
  const cells = {
    name: (row) => { const cell = make("span"); const name = make("b", "", row.name); name.title = row.title; cell.append(name); return cell; },
    version: (row) => {
      const cell = make("span", "", row.version ? `v${row.version} ` : "—");
      if (row.digest) { cell.append(make("span", "mono soft", row.digest.slice(0, 4))); cell.title = row.digest; }
      return cell;
    },
    base: (row) => text(privity.adapters.short(row.base), "mono soft"),
    rank: (row) => number(row.rank),
    weight: (row) => number(row.weight, privity.adapters.megabytes),
    origin: (row) => text(row.origin),
    matters: (row) => text(row.matters),
    f1: (row) => number(row.f1, (n) => (100 * n).toFixed(1)),
    forgets: (row) => number(row.forgets, (n) => `${n < 0 ? "−" : "+"}${(100 * Math.abs(n)).toFixed(1)} %`),
    today: (row) => number(row.today),
    state: (row) => { const cell = make("span", "state"); cell.append(make("span", `tag ${row.tone}`, row.state)); return cell; },
  };

  // --- beside the table: what narrows it, and the memory

  function drawStates() {
    const box = $("#stock .states");
    if (!box) return;
    const at = [...box.children].indexOf(document.activeElement);
    box.replaceChildren(...privity.adapters.states(every).map(([state, label, facts]) => {
      const one = make("button", view.state === state ? "facet on" : "facet");
      one.dataset.state = state;
      one.setAttribute("aria-pressed", view.state === state);
      one.append(label, make("small", "", facts));
      return one;
    }));
    if (at >= 0) box.children[at].focus();
  }

  function gauge(memory) {
    const box = $("#stock .gauge");
    if (!box) return;
    const { resident, bytes, budget } = memory || {};
    const whole = `${resident} resident · ${Math.round(bytes / 2 ** 20)} of ${Math.round(budget / 2 ** 20)} MB`;
    box.replaceChildren(make("span", "", memory ? whole : "The model is loading."), bar(budget ? bytes / budget : 0));
  }

  // --- choosing

  function choose(id) {
    chosen = list.cursor = id;
    list.reveal();
    list.paint();
    look(id);
  }

  let looking;
  function look(id) {
    clearTimeout(looking);
    const row = list.row(id);
    if (!row) return;
    looking = setTimeout(() => {
      looked = id;
      privity.drawer(true);
      const { name, version, admission } = row;
      privity.send("adapters", admission ? { do: "pick_admission", id: admission } : { do: "pick_adapter", name, version: String(version) });
    }, 120);
  }

  function clear() { chosen = ""; list.paint(); }

  // What was chosen elsewhere: by an act, or from a card.
  function follow() {
    const { adapter = "" } = here();
    if (adapter !== looked && adapter !== chosen) { chosen = list.cursor = adapter; list.reveal(); list.paint(); }
    looked = adapter;
  }

  const cards = privity.admissions($(".cards", shelf), { names: () => told?.adapters.map((one) => one.name) || [], changed: soon });

  // --- what a person does

  const filter = () => $("#stock [data-filter]");
  shelf.addEventListener("click", (event) => {
    const hit = (selector) => event.target.closest(selector);
    if (hit(".file")) { list.box.focus({ preventScroll: true }); choose(hit(".file").dataset.id); }
    else if (hit("[data-sort]")) { privity.table.sortBy(view, hit("[data-sort]").dataset.sort); draw(); }
    else if (event.target === list.box || event.target === list.space) clear();
  });
  document.addEventListener("click", (event) => {
    const one = event.target.closest("#stock [data-state]");
    if (!one) return;
    view.state = one.dataset.state;
    if (here().comparing !== undefined) privity.send("adapters", { do: "uncompare" });
    draw();
  });
  document.addEventListener("input", (event) => {
    if (event.target !== filter()) return;
    view.words = filter().value.trim();
    draw();
  });
  document.addEventListener("visibilitychange", load);
  privity.uploads.into("adapters", cards.offer);

  privity.key((event, { control, name, typing }) => {
    if (here().view !== "adapters" || here().comparing !== undefined) return false;
    if (name === "escape") return escape(event);
    if (!typing && !control && name === "/") { filter().focus(); filter().select(); return true; }
    if (event.target === filter() && (name === "arrowdown" || name === "enter")) { list.box.focus(); list.step(1, event); return true; }
    if (![list.box, document.body].includes(event.target) || control || event.altKey) return false;
    if (name === "enter") { privity.drawer(true); look(list.cursor); return true; }
    if (!list.keys[name]) return false;
    list.keys[name](event);
    return true;
  });

  // One step back at a time: the filter's words, the version that is looked at.
  function escape(event) {
    if (event.target === filter() && filter().value) { filter().value = view.words = ""; draw(); return true; }
    if ($("#source header")) { privity.drawer(false); clear(); privity.send("adapters", { do: "unpick_adapter" }); }
    list.box.focus();
    return true;
  }

  privity.after("rail", () => { follow(); load(); });
  privity.after("source", () => { if (open()) soon(); });
  privity.adapters.list = () => every;
  load();
};
