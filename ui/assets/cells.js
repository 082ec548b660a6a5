// The cells of a row of the library. What comes from outside goes in as text, never as HTML.

privity.cells = (() => {
  function make(tag, css, text) {
    const one = document.createElement(tag);
    if (css) one.className = css;
    if (text !== undefined) one.textContent = text;
    return one;
  }

  function bar(share) {
    const box = make("span", "bar");
    const inner = make("i");
    inner.style.width = `${Math.round(100 * Math.min(share, 1))}%`;
    box.append(inner);
    return box;
  }

  const months = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");
  function day(iso) {
    const part = /^(\d{4})-(\d\d)-(\d\d)/.exec(iso);
    return part ? `${Number(part[3])} ${months[part[2] - 1]} ${part[1]}` : iso;
  }
  function moment(seconds) {
    const then = new Date(1000 * seconds);
    const clock = `${String(then.getHours()).padStart(2, "0")}:${String(then.getMinutes()).padStart(2, "0")}`;
    return then.toDateString() === new Date().toDateString() ? `today ${clock}` : `${then.getDate()} ${months[then.getMonth()]} ${then.getFullYear()}`;
  }
  function size(n) {
    if (n < 1024) return `${n} bytes`;
    return n < 1048576 ? `${Math.round(n / 1024).toLocaleString("en")} KB` : `${(n / 1048576).toFixed(1)} MB`;
  }

  // By column, (file, row) to an element; `words` are the names of kinds and states that the page gave.
  function of(words) {
    const text = (value, css) => { const cell = make("span", css, value || "—"); if (value) cell.title = value; return cell; };
    const cells = {
      title: name,
      type: (file) => text(file.facts.type, "soft"),
      parties: (file) => text(file.facts.parties.join(", "), "soft"),
      dated: (file) => text(day(file.facts.dated), "soft"),
      kind: (file) => text(words.kinds[file.kind] || file.kind.toUpperCase(), "soft"),
      pages: (file) => text(file.pages ? file.pages.toLocaleString("en") : "", "num"),
      state,
      added: (file) => text(moment(file.added), "soft"),
      size: (file) => text(size(file.size), "soft num"),
    };

    function name(file, row) {
      const cell = make("span");
      cell.style.paddingLeft = `${row.level * 18}px`;
      const twist = make("i", row.children ? "twist" : "twist none");
      if (row.open) twist.classList.add("open");
      const parts = file.title.split("/");
      const title = make("b", "", parts.pop());
      title.title = file.title;
      cell.append(twist, title);
      if (file.version > 1) cell.append(make("span", "tag", `v${file.version}`));
      if (!file.current) cell.append(make("span", "tag warn", "not in use yet"));
      if (row.children) cell.append(make("small", "", `${row.children} inside`));
      if (parts.length && !row.level) cell.append(make("small", "path", parts.join("/")));
      return cell;
    }

    function state(file) {
      const cell = make("span", "state");
      if (file.sending) cell.append(bar(file.share), make("span", "soft", file.share ? "sending" : "waiting"));
      else if (file.state === "embedding") cell.append(bar(file.done / Math.max(file.passages, 1)), make("span", "soft", `${file.done} of ${file.passages}`));
      else if (words.working.includes(file.state)) cell.append(make("span", "doing", words.states[file.state] || file.state));
      else cell.append(...settled(file));
      cell.title = [cell.textContent, file.reason].filter(Boolean).join(": ");
      return cell;
    }

    function settled(file) {
      const tone = words.tones[file.state] || "bad";
      const found = new Set(file.ledger.map((entry) => words.remarks[entry.fate]).filter(Boolean));
      const remarks = [...found].map((remark) => make("span", "tag warn", remark));
      const tag = make("span", `tag ${tone}`, words.states[file.state] || file.state);
      const reason = file.reason && !remarks.length ? [make("span", "soft", file.reason)] : [];
      return [tag, ...remarks, ...reason];
    }

    return cells;
  }

  return { make, bar, of };
})();
