// What the table of adapters shows. Pure: the API's reply in, rows out.
// A row is a version, or something that was refused.

Object.assign(privity.adapters, (() => {
  const KEYS = ["name", "version", "base", "rank", "weight", "origin", "matters", "f1", "forgets", "today", "state"];
  const RANKS = { published: 0, ready: 1, checking: 2, other: 3, refused: 4 };

  const rows = (stock) => [
    ...stock.adapters.filter((card) => card.kind !== "base").flatMap((card) => card.versions.filter((one) => one.state !== "retired").map((one) => versionRow(card, one))),
    ...stock.admissions.filter((one) => one.state === "refused").map(refusedRow),
  ];

  function versionRow(card, one) {
    const [state, tone, group] = standing(card, one);
    const { version, digest, rank, size: weight, origin, base } = one;
    return {
      id: `${card.name}@${version}`, name: card.name, title: card.title, version, digest, rank, weight, origin, base, state, tone, group,
      kind: card.kind, serves: card.kind === "answers" && ["ready", "published"].includes(one.state), matters: places(one), f1: one.f1 ?? "", forgets: one.forgets ?? "", today: card.kind === "search" ? "" : one.today,
    };
  }

  function refusedRow(one) {
    const n = one.reasons.length;
    return {
      id: `refused/${one.id}`, admission: one.id, name: one.name, title: one.name, version: "", digest: "", rank: "", weight: "",
      origin: one.origin, base: "", matters: "", f1: "", forgets: "", today: "", serves: false,
      state: `refused: ${n === 1 ? "1 reason" : `${n} reasons`}`, tone: "bad", group: "refused",
    };
  }

  // What its tag says, the tag's tone, and under which state it is listed.
  function standing(card, one) {
    if (one.state === "missing") return ["files are gone", "bad", "other"];
    if (one.state === "misfit") return ["another base", "bad", "other"];
    if (card.kind === "search") return searching(card, one);
    if (card.candidate === one.version && card.share) return [`${card.share} % of questions`, "warn", "ready"];
    if (card.published === one.version) return ["published", "ok", "published"];
    return ["ready", "", "ready"];
  }

  // The search goes by one version, and by what is published from the next start on.
  function searching(card, one) {
    const published = card.published === one.version;
    if (one.searches) return published ? ["serves the search", "ok", "published"] : ["until the next start", "warn", "published"];
    return published ? ["from the next start", "warn", "published"] : ["ready", "", "ready"];
  }

  // Names of the reader's own matters; of others only how many there are.
  function places({ matters, hidden_matters: others }) {
    const names = matters.map((one) => one.name);
    if (others) names.push(others === 1 ? "1 matter" : `${others} matters`);
    return names.join(", ") || "all";
  }

  function arrange(every, view) {
    const wanted = view.words.toLowerCase().split(/\s+/);
    const fits = (row) => {
      const held = [row.name, row.title, row.origin, row.matters, row.digest, row.state].join("\n").toLowerCase();
      return (!view.state || row.group === view.state) && wanted.every((word) => held.includes(word));
    };
    const tie = (a, b) => RANKS[a.group] - RANKS[b.group] || (a.name < b.name ? -1 : a.name > b.name ? 1 : 0) || b.version - a.version;
    const inName = (a, b) => RANKS[a.group] - RANKS[b.group] || b.version - a.version;
    const key = KEYS.includes(view.sort) ? view.sort : "name";
    return every.filter(fits).sort(privity.rows.order((row) => row[key], view.down, key === "name" ? inName : tie));
  }

  function states(every) {
    const versions = every.filter((row) => row.version);
    const names = new Set(versions.map((row) => row.name)).size;
    const of = (group) => every.filter((row) => row.group === group).length;
    const counted = (n, noun) => `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
    return [
      ["", "All", `${counted(names, "adapter")} · ${counted(versions.length, "version")}`],
      ["published", "Published", of("published").toLocaleString("en")],
      ["ready", "Ready, not published", of("ready").toLocaleString("en")],
      ["refused", "Refused", of("refused") ? `${of("refused")}, kept 30 days` : "0"],
    ];
  }

  function megabytes(n) {
    return n < 1e5 ? `${Math.max(1, Math.round(n / 1e3))} kB` : `${(n / 1e6).toFixed(n < 1e7 ? 1 : 0)} MB`;
  }

  const short = (digest) => (/^[0-9a-f]{16,}$/.test(digest) ? `${digest.slice(0, 4)}…${digest.slice(-2)}` : digest);

  return { rows, arrange, states, megabytes, short };
})());
