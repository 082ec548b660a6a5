// What the page does by itself, without asking the service: keys, theme, dialogs, scrolling, the splitter.

const privity = (() => {
  const triggers = {};
  const $ = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const wide = () => matchMedia("(min-width: 1200px)").matches;

  // --- theme: the system's unless chosen here

  const system = matchMedia("(prefers-color-scheme: dark)");
  function paint() {
    const chosen = localStorage.getItem("privity.theme");
    const dark = chosen ? chosen === "dark" : system.matches;
    if (document.body && document.body.classList.contains("dark") !== dark) document.body.classList.toggle("dark", dark);
    document.documentElement.style.colorScheme = dark ? "dark" : "light";
  }
  function switchTheme() {
    localStorage.setItem("privity.theme", document.body.classList.contains("dark") ? "light" : "dark");
    paint();
  }
  system.addEventListener("change", paint);
  const ready = (start) => (document.body ? start() : document.addEventListener("DOMContentLoaded", start));
  ready(() => {
    paint();
    new MutationObserver(paint).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  });

  // --- panes

  // Drawings of a pane carry rising stamps; one that an older drawing has overtaken is put back.
  const drawn = {};
  const stamp = (html) => Number((/<!--(\d+)-->$/.exec(html || "") || [0, 0])[1]);
  const shown = () => JSON.stringify(Object.fromEntries(Object.entries(drawn).map(([name, html]) => [name, stamp(html)])));

  function adopt(name, element, trigger, watch, props) {
    triggers[name] = trigger;
    watch("value", () => {
      if (stamp(props.value) < stamp(drawn[name])) { props.value = drawn[name]; return; }
      drawn[name] = props.value;
      (after[name] || []).forEach((react) => react(element));
    });
  }

  // What other scripts do once a pane has been drawn: after("source", (pane) => …).
  const after = {};
  function drawnThen(name, react) { (after[name] ||= []).push(react); }

  let place = "";  // view and matter, whose lists the fields narrow
  drawnThen("rail", () => {
    const { view, matter, talk } = here();
    if (place !== view + matter) all("#sidehead input, #search").forEach((field) => { field.value = ""; });
    place = view + matter;
    const where = matter ? `#${matter}/${talk}` : location.pathname;
    if (matter && location.hash !== where) history.replaceState(null, "", where);
  });
  drawnThen("talk", () => settle());
  drawnThen("live", () => settle());
  const here = () => ({ ...($("#here") || { dataset: {} }).dataset });

  // Follow an answer that is being written, unless its reader has scrolled away from the end.
  let follow = true;
  function settle() {
    const scroll = $("#scroll");
    if (!scroll) return;
    if (!scroll.dataset.heard) {
      scroll.dataset.heard = "yes";
      scroll.addEventListener("scroll", () => { follow = scroll.scrollHeight - scroll.scrollTop - scroll.clientHeight < 80; });
    }
    const turns = all("#talk article.turn");
    const last = turns[turns.length - 1];
    if ($("#live").textContent.trim()) { if (follow) scroll.scrollTop = scroll.scrollHeight; }
    else if (follow && last) (last.previousElementSibling || last).scrollIntoView({ block: "start" });
    follow = true;
  }

  // --- acts

  function act(chosen, send) {
    const { act: name, confirm, prompt, told, match, verb, value, long, choices, secret, busy, ...rest } = chosen.dataset;
    const form = rest.form && document.getElementById(rest.form);
    if (form && !confirm && !form.reportValidity()) return undefined;
    const data = { do: name, ...rest, ...(form ? Object.fromEntries(new FormData(form)) : {}), ...(value === undefined ? {} : { value }) };
    closeMenus();
    if (busy) wait(chosen, busy);
    if (["cite", "step", "read", "pick", "pick_in_library", "pick_adapter", "tune_source"].includes(name)) drawer(true);
    if (["close", "unpick", "unpick_adapter", "new", "matter", "view", "conversation", "compare", "uncompare"].includes(name)) drawer(false);
    if (name === "cite") {
      choose(chosen.dataset.answer, chosen.dataset.n);
      privity.reader.show(`/${chosen.dataset.answer}/${chosen.dataset.n}`);  // open already: back to its place
    }
    if (name === "new") setTimeout(ask, 0);
    if (confirm) return dialog(confirm, verb, [], () => send(data));
    if (secret) return dialog("Change your password", "Change", [["old", "Present password", "password"], ["new", "New password", "password"]], (given) => send({ ...data, ...given }));
    if (prompt) return dialog(prompt, verb, [["value", match ? `Type its name to go on: ${match}` : "", long ? "long" : "text", value, match], ...(choices ? [["choice", "Role", choices.split(",")]] : [])], (given) => send({ ...data, ...given }), told);
    send(data);
  }

  // In a narrow window the inspector is a drawer over the work.
  function drawer(open) { document.body.classList.toggle("drawer", open); }

  function send(pane, data) { if (triggers[pane]) triggers[pane]("act", data); }

  // --- dialog: a question with its fields, on the browser's own modal

  function field([name, label, kind, value, match]) {
    const holder = document.createElement("label");
    holder.append(label);
    let input;
    if (Array.isArray(kind)) {
      input = document.createElement("select");
      for (const option of kind) input.append(new Option(option, option));
    } else {
      input = document.createElement(kind === "long" || kind === "free" ? "textarea" : "input");
      if (kind === "long" || kind === "free") input.rows = 3; else input.type = kind;
      input.required = kind !== "free";
      input.value = value || "";
      if (match) Object.assign(input, { pattern: match.replace(/[.*+?^${}()|[\]\\/]/g, "\\$&"), title: match, autocomplete: "off" });
    }
    input.name = name;
    holder.append(input);
    return holder;
  }

  function dialog(words, verb, fields, done, told = "") {
    const box = document.createElement("dialog");
    box.className = "ask";
    const form = document.createElement("form");
    form.method = "dialog";
    const text = document.createElement(fields.length ? "h2" : "p");
    text.textContent = words;
    const buttons = document.createElement("div");
    buttons.className = "buttons";
    const no = Object.assign(document.createElement("button"), { type: "button", className: "btn", textContent: "Cancel" });
    const yes = Object.assign(document.createElement("button"), { className: "btn p", textContent: verb || "Yes" });
    no.onclick = () => box.close();
    buttons.append(no, yes);
    form.append(text, ...(told ? [Object.assign(document.createElement("p"), { textContent: told })] : []), ...fields.map(field), buttons);
    box.append(form);
    form.onsubmit = () => done(Object.fromEntries(new FormData(form)));
    box.onclose = () => box.remove();
    document.body.append(box);
    box.showModal();
    const first = $("input, textarea", box);
    if (first) { first.focus(); if (first.type === "text") first.select(); } else no.focus();
  }

  // --- what a button does without the service

  const doings = {
    theme: switchTheme,
    again: (button) => { write(button.dataset.text); ask(); },
    copy: (button) => copy(button.dataset.text).then(() => say(button, "Copied")),
    signout: () => fetch("/api/logout", { method: "POST" }).finally(() => location.assign("/login")),
  };
  const local = (name, button) => doings[name](button);

  function say(button, words) {
    const before = button.textContent;
    button.textContent = words;
    setTimeout(() => { button.textContent = before; }, 1200);
  }

  // What takes a while says so on its button, until something is drawn.
  const waiting = [];
  function wait(button, words) {
    const before = button.textContent;
    button.textContent = words;
    button.classList.add("busy");
    waiting.push(() => { if (button.textContent === words) button.textContent = before; button.classList.remove("busy"); });  // it may be another by now
  }
  for (const name of ["notice", "runhead", "stage"]) drawnThen(name, () => waiting.splice(0).forEach((back) => back()));

  async function copy(text) {
    if (navigator.clipboard) return navigator.clipboard.writeText(text);
    const area = Object.assign(document.createElement("textarea"), { value: text });  // plain http from another machine
    document.body.append(area);
    area.select();
    document.execCommand("copy");
    area.remove();
  }

  // --- citations: one is chosen at a time, in the answer, the evidence and the page

  function choose(answer, n) {
    all(".chip.on, .ev.on").forEach((one) => one.classList.remove("on"));
    const scope = $(`article[data-answer="${CSS.escape(answer)}"]`);
    if (!scope) return;
    all(`[data-n="${CSS.escape(n)}"]`, scope).forEach((one) => {
      one.classList.add("on");
      const chip = $(".chip", one);
      if (chip) { chip.classList.add("on"); one.scrollIntoView({ block: "nearest" }); }
    });
  }

  let walking;
  const list = () => ({ ask: "#talk", adapters: "#versus" })[here().view] || "#finds";  // whose evidence the keys walk
  function walk(by) {
    const chosen = $(`${list()} .ev.on`);
    const scope = chosen ? chosen.closest("article") : all(`${list()} article`).reverse().find((one) => $(".ev", one));
    if (!scope) return false;
    const rows = all(".ev", scope);
    const next = rows[chosen ? (rows.indexOf(chosen) + by + rows.length) % rows.length : by > 0 ? 0 : rows.length - 1];
    choose(next.dataset.answer, next.dataset.n);
    clearTimeout(walking);
    if (wide() || document.body.classList.contains("drawer")) walking = setTimeout(() => open(next), 150);
    return true;
  }
  function open(row) { drawer(true); send("talk", { do: "cite", answer: row.dataset.answer, n: row.dataset.n }); }

  // --- keys

  const composer = () => $("#question textarea");
  function write(text) {
    composer().value = text;
    composer().dispatchEvent(new Event("input", { bubbles: true }));
  }
  function ask() {
    const box = composer();
    if (box && document.activeElement !== box) { box.focus(); box.select(); }
  }
  let opened = "";  // the menu that a person has open; it stays open when its pane is drawn anew
  function closeMenus(except) {
    all("details.menu[open]").forEach((menu) => { if (menu !== except) menu.open = false; });
    if (!except) opened = "";
  }
  drawnThen("title", (pane) => all("details.menu", pane).forEach((menu) => { if (menu.className === opened) menu.open = true; }));
  function toAsk() {
    if (here().view !== "ask") send("rail", { do: "view", id: "ask" });
    ask();
    setTimeout(ask, 300);  // once the composer is there
  }

  // Scripts that know more about where the keys go are asked first: key((event, at) => whether it was theirs).
  const askedFirst = [];
  function key(react) { askedFirst.push(react); }

  document.addEventListener("keydown", (event) => {
    if ($("dialog[open]") || !$("#here")) return;
    const control = event.ctrlKey || event.metaKey;
    const name = event.key.toLowerCase();
    const typing = /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName);
    const free = !typing || (event.target === composer() && !event.target.value);
    const take = () => { event.preventDefault(); event.stopPropagation(); };
    if (askedFirst.some((react) => react(event, { control, name, typing }))) take();
    else if (control && name === "k") { take(); toAsk(); }
    // Alt as well, because some browsers keep Ctrl N to themselves.
    else if ((control || event.altKey) && event.code === "KeyN") { take(); send("sidehead", { do: "new" }); toAsk(); }
    else if (name === "escape") { take(); escape(); }
    else if (control || event.altKey || here().view === "admin") return;
    else if (!typing && name === "/") { take(); $("#search").focus(); }
    else if (free && (name === "]" || name === "arrowdown") && walk(1)) take();
    else if (free && (name === "[" || name === "arrowup") && walk(-1)) take();
    else if (free && name === "enter" && !event.target.closest("button, a, summary, label, [tabindex][data-act]") && $(`${list()} .ev.on`)) { take(); open($(`${list()} .ev.on`)); }
  }, true);

  function escape() {
    closeMenus();
    drawer(false);
    ask();
  }

  document.addEventListener("click", (event) => {
    const menu = event.target.closest("details.menu");
    closeMenus(menu);
    if (event.target.closest("details.menu > summary")) opened = menu.open ? "" : menu.className;  // it is about to change
    if (event.target.closest("#centre") && !event.target.closest("[data-act], [data-id]")) drawer(false);
  });

  // --- a session that has ended leads to the sign-in page

  const fetching = window.fetch;
  window.fetch = async (...given) => {
    const reply = await fetching(...given);
    if (reply.status === 401) location.assign("/login");
    return reply;
  };

  // --- the splitter between the work and the inspector

  document.addEventListener("pointerdown", (event) => {
    const pane = $("#source");
    if (!pane || Math.abs(event.clientX - pane.getBoundingClientRect().left) > 5 || !pane.contains(event.target)) return;
    event.preventDefault();
    const drag = (move) => {
      const width = Math.min(Math.max(innerWidth - move.clientX, 320), innerWidth - 620);
      document.body.style.setProperty("--inspector", `${width}px`);
      localStorage.setItem("privity.inspector", width);
    };
    document.addEventListener("pointermove", drag);
    document.addEventListener("pointerup", () => document.removeEventListener("pointermove", drag), { once: true });
  });
  ready(() => {
    const width = localStorage.getItem("privity.inspector");
    if (width) document.body.style.setProperty("--inspector", `${width}px`);
  });

  return { $, all, adopt, shown, act, local, send, here, after: drawnThen, key, dialog, drawer, doings };
})();
