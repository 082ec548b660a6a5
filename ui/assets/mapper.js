// A file of rows on its way in: which column holds what, its first rows, and what it is to be called. It goes from the
// browser straight to the API. What comes from outside goes in as text, never as HTML.

privity.mapper = (element) => {
  const { $, here, send } = privity;
  const { make } = privity.cells;
  const PARTS = {
    answers: [["question", "Question", true], ["context", "Context that answers it", true], ["answer", "Answer", false], ["impossible", "Has no answer", false], ["group", "Document", false]],
    classify: [["context", "Text", true], ["label", "Label", true], ["group", "Document", false]],
  };
  const KINDS = [["answers", "Questions and answers"], ["classify", "Texts and labels"]];
  const root = $(".mapping-of", element);
  let file = null;
  let kind = "answers";
  let found = null;  // what the preview told

  const open = (yes) => { document.body.classList.toggle("mapping", yes); if (!yes) { file = found = null; root.replaceChildren(); } };
  const chosen = () => $("#tuned")?.dataset.chosen || "";

  async function posted(path, parts) {
    const form = new FormData();
    for (const [name, value] of Object.entries(parts)) form.append(name, value);
    const reply = await fetch(path, { method: "POST", body: form }).catch(() => null);
    return answered(reply);
  }
  async function answered(reply) {
    if (!reply) throw new Error("The service does not answer. Try again.");
    const said = await reply.json().catch(() => null);
    if (!reply.ok) throw new Error(said?.error?.message || `The service refused this file (${reply.status}).`);
    return said;
  }

  function offer(entries) {
    if (here().view !== "finetune" || !entries.length) return;
    if ($("#tuned").dataset.stage !== "data") send("runhead", { do: "tune_new" });
    open(true);
    [[file]] = entries;
    if (!file) { refuse("The browser could not read this file. Choose it again."); return; }
    look("answers", true);
  }

  // With no kind chosen yet, a file without questions is taken for texts and labels.
  async function look(wanted, first = false) {
    kind = wanted;
    root.replaceChildren(make("h3", "", file.name), make("p", "doing", "Reading the first rows…"));
    try {
      found = await posted("/api/datasets/preview", { file, kind });
      const mapping = found.mapping || {};
      if (first && kind === "answers" && !mapping.question && found.columns.some((name) => /label|class|type|sentiment/i.test(name))) { look("classify"); return; }
      draw();
    } catch (error) { refuse(error.message); }
  }

  const button = (words, css, does) => { const one = make("button", `btn ${css}`, words); one.type = "button"; one.addEventListener("click", does); return one; };
  function buttons(...some) { const row = make("p", "row"); row.append(...some); return row; }
  function refuse(sentence) {
    root.replaceChildren(make("h3", "", file ? file.name : "A file"), make("p", "bad", sentence), buttons(button("Back", "", () => open(false))));
  }

  function labelled(words, input) { const holder = make("label", "", words); holder.append(input); return holder; }
  function select(name, some, value) {
    const one = make("select", "field");
    one.name = name;
    one.append(...some.map(([id, words]) => new Option(words, id, false, id === value)));
    return one;
  }

  function draw() {
    const form = make("form");
    const head = make("div", "head");
    const kinds = make("span", "seg");
    kinds.append(...KINDS.map(([id, words]) => {
      const one = make("button", id === kind ? "on" : "", words);
      one.type = "button";
      one.addEventListener("click", () => look(id));
      return one;
    }));
    head.append(make("h3", "", file.name), kinds);
    const asked = make("div", "asked");
    for (const [part, words, needed] of PARTS[kind]) {
      const some = [["", needed ? "choose a column" : "none"], ...found.columns.map((name) => [name, name])];
      const one = select(`part-${part}`, some, (found.mapping || {})[part] || "");
      one.required = needed;
      one.addEventListener("change", () => firsts(form));
      asked.append(labelled(words, one));
    }
    const mask = make("input");
    Object.assign(mask, { type: "checkbox", name: "mask" });
    const tick = make("label", "tick");
    tick.append(mask, "Put placeholders for e-mail addresses, telephone, bank, card and insurance numbers");
    if (!chosen()) {
      const name = make("input", "field");
      Object.assign(name, { name: "name", required: true, maxLength: 120, autocomplete: "off", value: file.name.replace(/\.\w+$/, "") });
      const matter = $("#title .pick b")?.textContent || "";
      const places = [["", "nobody’s in particular"], ...(here().matter ? [[here().matter, matter]] : [])];
      asked.append(labelled("Call the data set", name), labelled("Whose papers it holds", select("matter", places, here().matter || "")));
    }
    const table = make("div", "firsts");
    const note = make("p", "bad");
    const go = make("button", "btn p", "Take the rows in");
    form.append(head, asked, tick, table, ...problems(), note, buttons(go, button("Cancel", "", () => open(false))));
    form.addEventListener("submit", (event) => { event.preventDefault(); take(form, go, note); });
    root.replaceChildren(form);
    firsts(form);
  }

  function problems() {
    const said = found.problems || {};
    const some = Array.isArray(said) ? said.map((one) => (typeof one === "string" ? one : `${one.reason} (${one.count})`)) : Object.entries(said).map(([reason, count]) => `${reason} (${count})`);
    return some.length ? [make("p", "soft", `Left out already: ${some.join("; ")}`)] : [];
  }

  const mapped = (form) => Object.fromEntries(PARTS[kind].map(([part]) => [part, form[`part-${part}`].value]).filter(([, name]) => name));

  function firsts(form) {
    const used = Object.fromEntries(Object.entries(mapped(form)).map(([part, name]) => [name, PARTS[kind].find(([id]) => id === part)[1]]));
    const table = make("table");
    const top = make("tr");
    for (const name of found.columns) {
      const cell = make("th", used[name] ? "used" : "", name);
      cell.append(make("small", "", used[name] || "not used"));
      top.append(cell);
    }
    table.append(top, ...found.rows.slice(0, 20).map((row) => {
      const line = make("tr");
      found.columns.forEach((name, at) => {
        const value = Array.isArray(row) ? row[at] : row[name];
        const cell = make("td", "", value ?? "");
        cell.title = value ?? "";
        line.append(cell);
      });
      return line;
    }));
    $(".firsts", form).replaceChildren(table);
  }

  async function take(form, go, note) {
    go.disabled = true;
    note.textContent = "";
    go.textContent = "Taking rows in…";
    try {
      const id = chosen() || (await made(form)).id;
      const got = await posted(`/api/datasets/${id}/import`, { file, mapping: JSON.stringify(mapped(form)), mask: form.mask.checked });
      open(false);
      send("runhead", { do: "tune_took_in", id, told: told(got) });
    } catch (error) {
      note.textContent = error.message;
      go.disabled = false;
      go.textContent = "Take the rows in";
    }
  }
  async function made(form) {
    const body = { name: form.name.value, kind, matters: form.matter.value ? [form.matter.value] : [] };
    return answered(await fetch("/api/datasets", { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) }).catch(() => null));
  }
  function told({ added, duplicates, dropped = [] }) {
    const left = (Array.isArray(dropped) ? dropped : Object.entries(dropped).map(([reason, count]) => ({ reason, count }))).map(({ reason, count }) => `${count.toLocaleString("en")} left out: ${reason}`);
    return [`${added.toLocaleString("en")} rows were taken in.`, duplicates ? `${duplicates.toLocaleString("en")} were there already.` : "", ...left].filter(Boolean).join(" ");
  }

  privity.uploads.into("finetune", offer);
  privity.after("runhead", () => { if (file && $("#tuned")?.dataset.stage !== "data") open(false); });
};
