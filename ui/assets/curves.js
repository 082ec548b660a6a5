// The losses of a run, step by step, with an earlier run laid over them: fetched from the API and drawn here as SVG.

privity.curves = (element) => {
  const { $, all, here, after } = privity;
  const EACH = 1000;  // ms between looks at a run that goes on
  const LEFT = 40, RIGHT = 8, TOP = 8, BOTTOM = 20;  // pixels around the curves
  const svg = $("svg", element);
  const picker = $("select", element);
  const reading = $(".reading", element);
  let run = 0;
  let kind = "loss";
  let lines = new Map();  // step -> what was told of it
  let next = 0;  // where the lines go on
  let other = { run: 0, lines: [] };
  let timer;
  let at = null;  // the step under the pointer

  const tuned = () => ({ ...($("#tuned") || { dataset: {} }).dataset });
  const open = () => here().view === "finetune" && tuned().stage === "run" && document.visibilityState === "visible";
  async function fetched(path) {
    const reply = await fetch(path).catch(() => null);
    return reply && reply.ok ? reply.json() : null;
  }

  // --- what there is

  // A run that went on from a checkpoint tells the steps after it once more: the last word counts.
  function take(some) {
    for (const line of some) {
      const last = Math.max(0, ...lines.keys());
      if (line.step < last) for (const step of [...lines.keys()]) if (step > line.step) lines.delete(step);
      lines.set(line.step, { ...lines.get(line.step), ...line });
    }
  }

  async function look() {
    clearTimeout(timer);
    if (!open()) return;
    const asked = run;
    const found = asked ? await fetched(`/api/jobs/${asked}/events?after=${next}`) : null;
    if (asked !== run) return;
    if (found) { take(found.lines); next = found.next; draw(); }
    clearTimeout(timer);
    if (open() && tuned().going !== undefined) timer = setTimeout(look, EACH);
  }

  async function lay(number) {
    other = { run: number, lines: [] };
    if (number) {
      const found = await fetched(`/api/jobs/${number}/curve`);
      if (other.run !== number) return;
      other.lines = found ? found.lines : [];
    }
    draw();
  }

  function follow() {
    const { run: number, others = "[]", name = "" } = tuned();
    if (!Number(number)) return;
    if (Number(number) !== run) {
      run = Number(number);
      lines = new Map();
      next = 0;
      at = null;
      const some = JSON.parse(others);
      picker.replaceChildren(new Option("no other run", "0"), ...some.map((one) => new Option(`run #${one.number} · ${one.name}`, one.number)));
      picker.hidden = !some.length;
      const earlier = some.find((one) => one.name === name && one.number < run);
      picker.value = earlier ? earlier.number : "0";
      lay(Number(picker.value));
    }
    look();
  }

  // --- drawing

  const NAMES = "http://www.w3.org/2000/svg";
  function make(tag, css, attributes, text) {
    const one = document.createElementNS(NAMES, tag);
    if (css) one.setAttribute("class", css);
    for (const [name, value] of Object.entries(attributes || {})) one.setAttribute(name, value);
    if (text !== undefined) one.textContent = text;
    return one;
  }
  const series = (some, key) => some.filter((line) => Number.isFinite(line[key])).map((line) => [line.step, line[key]]);
  const sorted = () => [...lines.values()].sort((a, b) => a.step - b.step);

  function shown() {
    const held = kind === "loss" ? "held_out_loss" : "held_out_first_loss";
    const mine = sorted();
    return {
      train: series(mine, kind), held: series(mine, held),
      other: series(other.lines, kind), "other dashed": series(other.lines, held),
    };
  }

  // Ticks at 1, 2 or 5 times a power of ten.
  function ticks(low, high, most) {
    const rough = (high - low) / most;
    const power = 10 ** Math.floor(Math.log10(rough));
    const size = [1, 2, 5, 10].map((n) => n * power).find((n) => n >= rough);
    const found = [];
    for (let value = Math.ceil(low / size) * size; value <= high + size * 1e-6; value += size) found.push(value);
    return found;
  }

  function scales(some) {
    const { clientWidth: width, clientHeight: height } = svg;
    const points = Object.values(some).flat();
    const values = points.map(([, value]) => value);
    const room = Math.max(0.05, Math.max(...values) - Math.min(...values)) * 0.06;
    const low = Math.max(0, Math.min(...values) - room);
    const high = Math.max(...values) + room;
    const of = Math.max(1, ...points.map(([step]) => step), sorted().at(-1)?.of || 0);
    return {
      width, height, low, high, of,
      x: (step) => LEFT + (width - LEFT - RIGHT) * (step / of),
      y: (value) => TOP + (height - TOP - BOTTOM) * (1 - (value - low) / (high - low)),
    };
  }

  let placed = null;
  function draw() {
    const some = shown();
    placed = null;
    svg.replaceChildren();
    legend(some);
    if (!Object.values(some).some((points) => points.length)) {
      const words = tuned().going !== undefined ? "The first steps will be drawn here." : "No step was taken.";
      svg.append(make("text", "nothing", { x: svg.clientWidth / 2, y: svg.clientHeight / 2, "text-anchor": "middle" }, words));
      return;
    }
    placed = scales(some);
    axes(placed);
    for (const name of ["other", "other dashed", "train", "held"]) curve(name, some[name], placed);
    if (some.held.length < 40) for (const [step, value] of some.held) svg.append(make("circle", "held", { cx: placed.x(step), cy: placed.y(value), r: 2.4 }));
    point();
  }

  function axes({ width, height, low, high, of, x, y }) {
    for (const value of ticks(low, high, 6)) {
      svg.append(make("line", "rule", { x1: LEFT, x2: width - RIGHT, y1: y(value), y2: y(value) }));
      svg.append(make("text", "", { x: LEFT - 6, y: y(value) + 3.5, "text-anchor": "end" }, String(Number(value.toPrecision(3)))));
    }
    for (const step of ticks(0, of, Math.max(2, Math.floor(width / 110))).filter((step) => Number.isInteger(step)))
      svg.append(make("text", "", { x: x(step), y: height - 5, "text-anchor": step ? (x(step) > width - 30 ? "end" : "middle") : "start" }, step ? step.toLocaleString("en") : "step 0"));
    svg.append(make("path", "axis", { d: `M${LEFT} ${TOP}V${height - BOTTOM}H${width - RIGHT}` }));
  }

  function curve(name, points, { x, y }) {
    if (points.length) svg.append(make("polyline", `curve ${name}`, { points: points.map(([step, value]) => `${x(step).toFixed(1)},${y(value).toFixed(1)}`).join(" ") }));
  }

  function legend(some) {
    const parts = [["train", "train", some.train], ["held", "held-out", some.held], ["other", `run #${other.run}`, some.other]];
    $(".legend", element).replaceChildren(...parts.filter(([, , points]) => points.length).map(([css, words]) => {
      const one = document.createElement("span");
      const dash = document.createElement("i");
      dash.className = css;
      one.append(dash, words);
      return one;
    }));
  }

  // --- reading a step off the curves

  function point() {
    $(".cursor", svg)?.remove();
    reading.textContent = "";
    const steps = [...lines.keys()];
    if (at === null || !placed || !steps.length) return;
    const step = steps.reduce((best, one) => (Math.abs(one - at) < Math.abs(best - at) ? one : best));
    const line = lines.get(step);
    const held = line[kind === "loss" ? "held_out_loss" : "held_out_first_loss"];
    const told = [`step ${step}`, Number.isFinite(line[kind]) && `train ${line[kind].toFixed(3)}`, Number.isFinite(held) && `held-out ${held.toFixed(3)}`];
    reading.textContent = told.filter(Boolean).join(" · ");
    const x = placed.x(step);
    svg.append(make("line", "cursor", { x1: x, x2: x, y1: TOP, y2: placed.height - BOTTOM }));
  }
  svg.addEventListener("pointermove", (event) => {
    if (!placed) return;
    at = ((event.offsetX - LEFT) / (placed.width - LEFT - RIGHT)) * placed.of;
    point();
  });
  svg.addEventListener("pointerleave", () => { at = null; point(); });

  element.addEventListener("click", (event) => {
    const chosen = event.target.closest("[data-curve]");
    if (!chosen) return;
    kind = chosen.dataset.curve;
    all("[data-curve]", element).forEach((one) => one.classList.toggle("on", one === chosen));
    draw();
  });
  picker.addEventListener("change", () => lay(Number(picker.value)));
  document.addEventListener("visibilitychange", look);
  new ResizeObserver(() => { if (open()) draw(); }).observe(svg);
  after("runhead", follow);
  follow();
};
