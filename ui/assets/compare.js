// The form of a comparison: one question, and which two answer it.

privity.compare = (element, ask, halt) => {
  const { $, here, after } = privity;
  const form = $("form", element);
  let shown = false;

  // The base, and every version that can answer; the published ones first.
  function fill() {
    const rows = (privity.adapters.list?.() || []).filter((row) => row.serves);
    const order = privity.adapters.arrange(rows, { words: "", state: "", sort: "name", down: false });
    order.sort((a, b) => Number(b.group === "published") - Number(a.group === "published"));
    const some = [["base", "Base model, no adapter"], ...order.map((row) => [row.id, `${row.name} · v${row.version} · ${row.state}`])];
    options(form.left, some, (some.find(([id]) => id === here().adapter) || some[1] || some[0])[0]);
    options(form.right, some, "base");
  }
  function options(field, some, first) {
    const chosen = some.some(([id]) => id === field.value) && field.value;
    field.replaceChildren(...some.map(([id, words]) => new Option(words, id, false, id === (chosen || first))));
  }

  form.addEventListener("submit", (event) => {
    event.preventDefault();
    if (!form.question.value.trim() || !here().matter || asking()) return;
    ask(Object.fromEntries(new FormData(form)));
    busy(true);
  });
  $("[data-halt]", form).addEventListener("click", halt);
  const asking = () => !$("[data-halt]", form).hidden;
  function busy(yes) { $("[data-halt]", form).hidden = !yes; $("[data-ask]", form).hidden = yes; }

  after("versus", (pane) => busy(Boolean($(".writing", pane))));
  after("rail", () => {
    const now = here().comparing !== undefined;
    if (now && !shown) { form.left.replaceChildren(); form.right.replaceChildren(); fill(); setTimeout(() => form.question.focus(), 0); }
    shown = now;
  });
  privity.key((event, { control, name, typing }) => {
    if (here().view !== "adapters" || here().comparing === undefined) return false;
    if (name === "/" && !typing && !control) { form.question.focus(); form.question.select(); return true; }
    if (name !== "escape") return false;
    privity.drawer(false);
    privity.send("versus", { do: $("#source .reader") ? "close" : "uncompare" });
    return true;
  });
};
