// What narrows the list: chips for states and kinds, facets for types and parties, each with how many there are.

privity.narrowing = (words) => {
  const { make } = privity.cells;
  const { group, same } = privity.rows;
  const LABELS = { attention: "Need attention", working: "Being read", ready: "Ready" };
  const MOST = 8;  // facets of a kind

  const tally = (files, key) => files.reduce((sums, file) => {
    for (const one of [key(file)].flat()) if (one) sums.set(one, (sums.get(one) || 0) + 1);
    return sums;
  }, new Map());
  const most = (sums) => [...sums].sort((a, b) => b[1] - a[1]);

  function chips(files, view) {
    const states = tally(files, (file) => group(file, words));
    const kinds = most(tally(files, (file) => words.kinds[file.kind] || file.kind));
    const whole = !view.state && !view.kinds.size && !view.type && !view.party;
    const made = [chip("All", files.length, whole, { clear: "1" })];
    for (const [state, label] of Object.entries(LABELS)) {
      const here = view.state === state;
      if (states.get(state) || here) made.push(chip(label, states.get(state) || 0, here, { state }));
    }
    if (kinds.length < 2) return made;
    return [...made, make("i", "rule"), ...kinds.map(([kind, n]) => chip(kind, n, view.kinds.has(kind), { kind }))];
  }

  function chip(label, n, on, data) {
    const one = make("button", on ? "pill on" : "pill", label);
    one.setAttribute("aria-pressed", on);
    Object.assign(one.dataset, data);
    one.append(make("small", "", n.toLocaleString("en")));
    return one;
  }

  function facets(files, view) {
    const named = files.flatMap((file) => file.facts.parties.map((name) => [same(name), name]));
    const names = new Map(named.sort(([, a], [, b]) => shouting(b) - shouting(a)));
    const parties = tally(files, (file) => [...new Set(file.facts.parties.map(same))]);
    return [
      ...facet("Type", "type", view, tally(files, (file) => file.facts.type), (type) => type),
      ...facet("Party", "party", view, parties, (party) => names.get(party)),
    ];
  }
  const shouting = (name) => Number(name === name.toUpperCase());  // a name in small letters reads better

  function facet(heading, key, view, sums, labelled) {
    const made = most(sums).slice(0, MOST).map(([value, n]) => {
      const one = make("button", view[key] === value ? "facet on" : "facet");
      Object.assign(one.dataset, { facet: key, value });
      one.title = labelled(value);
      one.setAttribute("aria-pressed", view[key] === value);
      one.append(make("span", "", labelled(value)), make("small", "", n.toLocaleString("en")));
      return one;
    });
    return made.length ? [make("h4", "", heading), ...made] : [];
  }

  return { chips, facets };
};
