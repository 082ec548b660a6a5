// Given to every pane as js_on_load: element, trigger and watch belong to that pane.
// What carries data-act is sent to Python as an event; the rest is the page's own (assets/page.js).

privity.adopt(element.closest('[id]:not([id^="html-"])').id, element, trigger, watch, props);

element.addEventListener("click", (event) => {
  const chosen = event.target.closest("[data-act], [data-do], [data-goto]");
  if (!chosen || !element.contains(chosen)) return;
  if (chosen.dataset.goto) return privity.reader.go(chosen.dataset.goto);
  if (chosen.dataset.do) return privity.local(chosen.dataset.do, chosen);
  privity.act(chosen, (data) => trigger("act", data));
});

element.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" || !event.target.matches("[tabindex]:is([data-act], [data-goto]), label[tabindex]")) return;
  event.preventDefault();
  event.stopPropagation();
  event.target.click();
});

// A field that narrows a list tells so when its reader pauses.
let pause;
element.addEventListener("input", (event) => {
  const field = event.target.closest("[data-typing]");
  if (!field) return;
  clearTimeout(pause);
  pause = setTimeout(() => trigger("act", { do: field.dataset.typing, value: field.value }), 200);
});
