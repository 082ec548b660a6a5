// An adapter on its way in: a card that asks what it is to be, then shows the checks as they are done, and at the end
// that it is ready, or every reason why not. What comes from outside goes in as text, never as HTML.

privity.admissions = (box, { names, changed }) => {
  const { $, here } = privity;
  const { make, bar } = privity.cells;
  const EACH = 300;  // ms between looks at running checks
  const BIGGEST = 64;  // letters of a name
  const SIGNS = { waiting: "○", running: "", passed: "✓", refused: "✕" };
  const cards = [];  // { key, state, element, … } the newest first
  let keys = 0;

  function card(heading, state) {
    const element = make("section", "card admission");
    element.append(make("h3", "", heading));
    keys += 1;
    const made = { key: keys, state, element };
    cards.unshift(made);
    box.prepend(element);
    element.scrollIntoView({ block: "nearest" });
    return made;
  }
  function remove(one) { cards.splice(cards.indexOf(one), 1); one.element.remove(); }
  const button = (label, css, does) => { const one = make("button", `btn ${css}`, label); one.type = "button"; one.addEventListener("click", does); return one; };
  function buttons(...some) { const row = make("p", "row"); row.append(...some); return row; }

  // --- asking what it is to be

  function offer(entries) {
    if (!entries.length) return undefined;
    const [, path] = entries[0];
    if (entries.some(([file]) => !file)) return refuse("Upload", "The browser could not read this file. Choose it again.");
    const files = entries.map(([file]) => file);
    return ask(files, entries.length > 1 ? path.split("/").slice(0, -1).pop() || "" : path.split("/").pop());
  }
  function refuse(heading, sentence) {
    const one = card(heading, "refused");
    one.element.append(make("p", "bad", sentence), buttons(button("Dismiss", "", () => remove(one))));
  }

  const suggested = (file) => file.toLowerCase().replace(/\.(zip|gguf)$/, "").replace(/[^a-z0-9._-]+/g, "-").replace(/^[^a-z0-9]+|-+$/g, "").slice(0, BIGGEST);

  async function ask(files, path) {
    const one = card(`Upload · ${path || `${files.length} files`}`, "asking");
    const form = make("form", "asks");
    const name = field("Name", "name", suggested(path));
    name.input.pattern = "[a-z0-9][a-z0-9._\\-]*";
    name.input.maxLength = BIGGEST;
    name.input.required = true;
    name.input.title = "Small letters, digits, dots, dashes and underscores; the first a letter or digit.";
    const known = make("small", "soft");
    name.holder.append(known);
    const tell = () => { known.textContent = names().includes(name.input.value) ? "This name is there: it will be its next version." : ""; };
    name.input.addEventListener("input", tell);
    tell();
    const title = field("Lawyers see it as", "title", "");
    title.input.placeholder = "Contract Q&A";
    title.input.maxLength = 80;
    const [matters, people] = await Promise.all([matterChoices(), personChoices()]);
    const places = several("Matters", "matters", "Every matter", "Only these, whose papers it learned from", matters);
    const users = several("Who may use it", "people", "Everyone", "Only these people", people);
    form.append(name.holder, title.holder, places, ...(people.length ? [users] : []));
    const go = make("button", "btn p", "Check and add");
    form.append(buttons(go, button("Cancel", "", () => remove(one))));
    form.addEventListener("submit", (event) => { event.preventDefault(); send(one, files, new FormData(form)); });
    one.element.append(form);
    one.element.scrollIntoView({ block: "nearest" });
    name.input.focus();
    name.input.select();
  }

  function field(label, name, value) {
    const holder = make("label", "", label);
    const input = make("input", "field");
    Object.assign(input, { name, value, autocomplete: "off" });
    holder.append(input);
    return { holder, input };
  }

  // All, or some of a list.
  function several(label, name, everything, some, choices) {
    const set = make("fieldset");
    set.append(make("legend", "", label));
    const inner = make("div", "choices");
    inner.hidden = true;
    for (const [value, words] of choices) inner.append(tick("checkbox", name, value, words));
    const [one, other] = [tick("radio", `${name}-of`, "all", everything), tick("radio", `${name}-of`, "some", some)];
    $("input", one).checked = true;
    set.append(one, ...(choices.length ? [other, inner] : []));
    set.addEventListener("change", () => { inner.hidden = !$("input", other).checked; });
    return set;
  }
  function tick(type, name, value, words) {
    const holder = make("label", "tick");
    const input = make("input");
    Object.assign(input, { type, name, value });
    holder.append(input, words);
    return holder;
  }

  const listed = async (path, key) => {
    const reply = await fetch(path).catch(() => null);
    return reply && reply.ok ? (await reply.json())[key] : [];
  };
  const matterChoices = async () => (await listed("/api/matters", "matters")).map((one) => [one.id, one.name]);
  async function personChoices() {
    if (here().role === "admin") return (await listed("/api/users", "users")).filter((one) => !one.disabled).map(named);
    const matters = await matterChoices();
    const members = (await Promise.all(matters.map(([id]) => listed(`/api/matters/${id}/members`, "members")))).flat();
    return [...new Map(members.map((one) => [one.name, one])).values()].map(named);
  }
  const named = (person) => [person.name, person.name];

  // --- sending, then the checks

  function send(one, files, asked) {
    const form = new FormData();
    files.forEach((file) => form.append("file", file, file.name));
    form.append("name", asked.get("name").trim());
    if (asked.get("title").trim()) form.append("title", asked.get("title").trim());
    for (const [choice, each] of [["matters-of", "matters"], ["people-of", "people"]]) {
      if (asked.get(choice) === "some") asked.getAll(each).forEach((value) => form.append(each, value));
    }
    if (["matters", "people"].some((each) => asked.get(`${each}-of`) === "some" && !asked.getAll(each).length)) return complain(one, "Choose at least one, or leave it open to all.");
    const progress = bar(0);
    const request = new XMLHttpRequest();
    const going = buttons(progress, make("span", "soft", "Sending"), make("span", "grow"), button("Stop", "", () => request.abort()));
    going.classList.add("going");
    body(one).hidden = true;
    complain(one, "");
    one.element.append(going);
    request.open("POST", "/api/adapters");
    request.upload.onprogress = (event) => { $("i", progress).style.width = `${Math.round(100 * event.loaded / Math.max(event.total, 1))}%`; };
    request.onload = () => (request.status === 401 ? location.assign("/login") : request.status >= 400 ? fail(sentence(request)) : follow(one, JSON.parse(request.responseText)));
    request.onerror = () => fail("The service does not answer. Try again.");
    request.onabort = () => fail("Stopped. Nothing was added.", "soft");
    request.send(form);
    function fail(words, tone) { going.remove(); body(one).hidden = false; complain(one, words, tone); }
    return undefined;
  }
  const body = (one) => $("form", one.element);
  function sentence(request) {
    try { return JSON.parse(request.responseText).error.message; } catch { return `The service refused this file (${request.status}).`; }
  }
  function complain(one, words, tone = "bad") {
    $(".complaint", one.element)?.remove();
    if (!words) return;
    const said = make("p", `complaint ${tone}`, words);
    said.setAttribute("role", "alert");
    body(one).after(said);
  }

  function follow(one, admission) {
    Object.assign(one, { id: admission.id, state: "checking" });
    show(one, admission);
    changed();
    watch();
  }

  let timer;
  function watch() {
    clearTimeout(timer);
    if (cards.some((one) => one.state === "checking")) timer = setTimeout(look, EACH);
  }
  async function look() {
    for (const one of cards.filter((card) => card.state === "checking")) {
      const reply = await fetch(`/api/adapters/admissions/${one.id}`).catch(() => null);
      if (!reply || !reply.ok) continue;
      const admission = await reply.json();
      one.state = admission.state;
      show(one, admission);
      if (admission.state !== "checking") changed();
    }
    watch();
  }

  // Checks that run without a card here: begun in another tab, or before the page was loaded anew. Those of an adapter
  // that ships nobody began: the table tells of them.
  function meet(admissions) {
    for (const admission of admissions) {
      if (!admission.by || admission.state !== "checking" || cards.some((one) => one.id === admission.id)) continue;
      if (cards.some((one) => one.state === "asking" && body(one).hidden)) continue;  // on its way from here
      follow(card(`Upload · ${admission.name}`, "checking"), admission);
    }
  }

  // --- drawing

  function show(one, admission) {
    const { name, state, version } = admission;
    const begun = admission.ticks.some((tick) => tick.state !== "waiting");
    const heading = { checking: `${begun ? "Checking" : "In line"} · ${name}`, ready: `${name} · ready`, refused: `${name} · refused` }[state];
    const told = admission.told ? [make("p", state === "refused" ? "bad" : "soft", admission.told)] : [];
    const publish = () => { privity.send("adapters", { do: "publish", name, version: String(version) }); remove(one); };
    const done = {
      checking: [],
      ready: [button(`Publish v${version}`, "p", publish), button("Not now", "", () => remove(one))],
      refused: [button("Dismiss", "", () => remove(one))],
    }[state];
    const lead = state === "refused" ? [make("p", "soft", "Nothing was added. Mend what is marked, and upload it again.")] : [];
    one.element.replaceChildren(make("h3", "", heading), ...lead, ...admission.ticks.map(check), ...told, ...(done.length ? [buttons(...done)] : []));
    one.element.setAttribute("aria-busy", state === "checking");
    one.element.dataset.state = state;
  }

  function check({ state, said, seconds }) {
    const line = make("div", `chk ${state}`);
    const sign = make("span", state === "running" ? "spin" : `sign ${state}`, SIGNS[state]);
    const words = make("span");
    if (said.length > 1) {
      const reasons = make("ol");
      reasons.append(...said.map((reason) => make("li", "", reason)));
      words.append(reasons);
    } else words.textContent = said[0] || "";
    if (state === "running") words.append("…");
    line.append(sign, words, make("span", "num", seconds >= 0.05 ? `${seconds.toFixed(1)} s` : ""));
    return line;
  }

  return { offer, meet };
};
