// What the fine-tunes' view does by itself: it remembers where its reader was, walks the queue of rows by keys, and keeps
// what is typed where a pane is drawn again. What comes from outside goes in as text, never as HTML.

privity.finetune = () => {
  const { $, all, here, send, after, dialog } = privity;
  const KEPT = "privity.finetune";  // of this browser: what is open, and what the recipe's form says
  const VIEW = "privity.view";  // of this tab: whether the view is open
  const tuned = () => ({ ...($("#tuned") || { dataset: {} }).dataset });
  let returned = false;
  let chosen = "";  // the row that is looked at

  // --- reload and close lose nothing

  function parsed(text) { try { return JSON.parse(text) || {}; } catch { return {}; } }
  const kept = () => parsed(localStorage.getItem(KEPT));

  after("rail", () => {
    const { view, role } = here();
    if (!role) return;
    if (!returned && view !== "finetune" && sessionStorage.getItem(VIEW) === "finetune" && role !== "member") {
      returned = true;
      send("rail", { do: "tune_back", show: "1", place: localStorage.getItem(KEPT) || "" });
      return;
    }
    sessionStorage.setItem(VIEW, view);
  });
  after("runhead", () => {
    const { place } = tuned();
    if (!place) return;
    const now = parsed(place);
    const before = kept();
    if (!returned) {
      returned = true;
      if (!now.run && !now.dataset && (before.run || before.dataset)) { send("rail", { do: "tune_back", place: JSON.stringify(before) }); return; }
    }
    const form = now.stage === "recipe" && before.dataset === now.dataset ? before.form : undefined;
    localStorage.setItem(KEPT, JSON.stringify({ ...now, form }));
  });
  document.addEventListener("input", (event) => {
    const form = event.target.closest("#recipe");
    if (form) localStorage.setItem(KEPT, JSON.stringify({ ...kept(), form: Object.fromEntries(new FormData(form)) }));
  });
  window.addEventListener("pagehide", () => { if (here().view) sessionStorage.setItem(VIEW, here().view); });

  // A field that had the focus has it again once its pane is drawn anew.
  let focused = "";
  document.addEventListener("focusin", (event) => { focused = event.target.closest("#stage form") ? event.target.name : ""; });
  after("stage", () => {
    if (focused && document.activeElement === document.body) $(`#stage form [name="${CSS.escape(focused)}"]`)?.focus();
    mark();
  });

  // --- the queue of rows

  const list = () => $("#stage .rowlist");
  const rows = () => all("#stage .qa");
  function mark() {
    const some = rows();
    if (!some.length) return;
    const one = some.find((row) => row.dataset.row === chosen) || some[0];
    choose(one, false);
  }
  function choose(one, reveal = true) {
    chosen = one.dataset.row;
    for (const row of rows()) { row.classList.toggle("on", row === one); row.setAttribute("aria-selected", row === one); }
    if (reveal) one.scrollIntoView({ block: "nearest" });
  }
  const current = () => rows().find((row) => row.dataset.row === chosen);
  function step(by) {
    const some = rows();
    const at = some.indexOf(current()) + by;
    if (some[at]) choose(some[at]);
  }
  function decide(state) {
    const one = current();
    if (!one) return;
    const tag = $(".tag", one);
    tag.className = `tag ${state === "accepted" ? "ok" : "mute"}`;
    tag.textContent = state;
    send("stage", { do: "tune_row", row: one.dataset.row, state });
    step(1);
  }
  function edit(one) {
    const { row, question, context, answer, label } = one.dataset;
    const fields = label === undefined ? [["question", "Question", "long", question], ["context", "Passage", "long", context], ["answer", "Answer, word for word from the passage; leave it empty where the passage does not answer", "free", answer]]
      : [["context", "Text", "long", context], ["label", "Label", "text", label]];
    dialog("Edit this row", "Save and accept", fields, (given) => {
      if (given.context === context) delete given.context;
      send("stage", { do: "tune_row", row, state: "accepted", ...given });
    });
  }
  privity.doings.edit_row = (button) => edit(button.closest(".qa"));

  document.addEventListener("click", (event) => {
    const one = event.target.closest("#stage .qa");
    if (one) { choose(one, false); list().focus({ preventScroll: true }); }
  });

  const keys = {
    arrowdown: () => step(1),
    arrowup: () => step(-1),
    a: () => decide("accepted"),
    r: () => decide("rejected"),
    e: () => current() && edit(current()),
    enter: () => $('[data-act="tune_source"]', current())?.click(),
  };
  privity.key((event, { control, name, typing }) => {
    if (here().view !== "finetune") return false;
    if (name === "escape") return escape();
    if (typing || control || event.altKey || !list() || event.target.closest("#sidebar, #title, #rail, #source")) return false;
    if (!keys[name] || (name === "enter" && event.target.closest("button, a, label"))) return false;
    keys[name]();
    return true;
  });
  function escape() {
    if ($("#source .reader")) { privity.drawer(false); send("runhead", { do: "close" }); }
    document.activeElement?.blur();
    list()?.focus({ preventScroll: true });
    return true;
  }
};
