// Search in the library: the form keeps what was asked; the title bar's field fills it.

privity.seek = (element) => {
  const { $, all, here } = privity;
  const form = $("form", element);

  function search() {
    if (!form.value.value.trim()) return;
    fill();
    privity.send("seek", { do: "search", ...Object.fromEntries(new FormData(form)) });
  }

  // The kinds and types that the matter's documents have.
  function fill() {
    clauses();
    if (!privity.library) return;
    const { words } = privity.library;
    const files = privity.library.files();
    options(form.kind, distinct(files.map((file) => file.kind)).map((kind) => [words.kinds[kind] || kind, kind]));
    options(form.type, distinct(files.map((file) => file.facts.type)).map((type) => [type, type]));
  }
  // The types of clause that its passages are of, with how many. Without any there is nothing to choose.
  async function clauses() {
    const { matter } = here();
    const reply = await fetch(`/api/matters/${matter}/clauses`).catch(() => null);
    if (!reply || !reply.ok || here().matter !== matter) return;
    const { types, waiting } = await reply.json();
    const found = types.filter(({ type, passages }) => passages || type === form.clause.value);
    options(form.clause, found.map(({ type, passages }) => [`${type} (${passages.toLocaleString("en")})`, type]));
    if (waiting) form.clause.append(unread(waiting));
    form.clause.hidden = !found.length && !waiting;
  }
  function unread(number) {
    const one = new Option(number === 1 ? "1 document is still being read" : `${number.toLocaleString("en")} documents are still being read`);
    one.disabled = true;
    return one;
  }
  const distinct = (values) => [...new Set(values)].filter(Boolean);
  function options(field, some) {
    const chosen = field.value;
    const sorted = some.sort(([a], [b]) => a.localeCompare(b)).map(([label, value]) => new Option(label, value, false, value === chosen));
    field.replaceChildren(field.options[0], ...sorted);
  }

  form.addEventListener("submit", (event) => { event.preventDefault(); search(); });
  form.addEventListener("change", (event) => {
    form.classList.toggle("exact", form.mode.value === "exact");
    if (event.target !== form.value) search();
  });
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.target.id !== "search" || !event.target.value.trim()) return;
    form.value.value = event.target.value;
    search();
  });
  privity.key((event, { control, name, typing }) => {
    if (here().searching === undefined || here().view !== "library") return false;
    if (name === "/" && !typing && !control) { form.value.focus(); form.value.select(); return true; }
    if (name !== "escape") return false;
    privity.drawer(false);
    privity.send("seek", { do: $("#source .reader") ? "close" : "close_search" });
    return true;
  });
  privity.after("rail", () => { if (here().searching !== undefined) fill(); });
};
