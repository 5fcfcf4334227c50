"use strict";
(() => {
  const $ = (selector, root = document) => Array.from(root.querySelectorAll(selector));
  const make = (name, text, attributes = {}) => {
    const made = document.createElement(name);
    if (text !== undefined) made.textContent = text;
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const button = (text, action, attributes = {}) => {
    const made = make("button", text, { type: "button", ...attributes });
    made.addEventListener("click", action);
    return made;
  };

  // Theme: that of the system until the switch is used.
  const isDark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  const bar = document.querySelector("nav ul");
  if (bar) {
    const item = make("li");
    const switched = button("", () => {
      document.documentElement.dataset.theme = isDark() ? "light" : "dark";
      label();
    }, { id: "theme" });
    const label = () => { switched.textContent = isDark() ? "Light theme" : "Dark theme"; };
    label();
    item.append(switched);
    bar.append(item);
  }

  // Tables: sorting by a column, and downloads.
  const valueOf = (cell) => (cell.dataset.value !== undefined ? cell.dataset.value : cell.textContent);
  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const difference = Number(a) - Number(b);
    return Number.isNaN(difference) ? a.localeCompare(b, "en", { numeric: true }) : difference;
  };
  const sortBy = (table, column) => {
    const head = table.tHead.rows[0].cells[column];
    const downwards = head.getAttribute("aria-sort") === "ascending";
    for (const cell of table.tHead.rows[0].cells) cell.removeAttribute("aria-sort");
    head.setAttribute("aria-sort", downwards ? "descending" : "ascending");
    const body = table.tBodies[0];
    const keyed = Array.from(body.rows, (row, at) => [valueOf(row.cells[column]), at, row]);
    const sign = downwards ? -1 : 1;
    keyed.sort((a, b) => (a[0] === "" || b[0] === "" ? compare(a[0], b[0]) : sign * compare(a[0], b[0])) || a[1] - b[1]);
    body.append(...keyed.map((each) => each[2]));
  };
  const download = (name, type, text) => {
    const link = make("a", "", { href: URL.createObjectURL(new Blob([text], { type })), download: name });
    document.body.append(link);
    link.click();
    link.remove();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };
  const quoted = (cell) => {
    const safe = /^[=+\-@\t\r]/.test(cell) && Number.isNaN(Number(cell)) ? "'" + cell : cell;
    return /[",\n]/.test(safe) ? '"' + safe.replaceAll('"', '""') + '"' : safe;
  };
  const cellsOf = (row) => Array.from(row.cells, (cell) => (cell.querySelector("svg") ? "" : valueOf(cell)));
  const asCsv = (table) => [...table.rows].map((row) => cellsOf(row).map(quoted).join(",")).join("\n") + "\n";
  const asJson = (table) => {
    const names = cellsOf(table.tHead.rows[0]);
    const rows = Array.from(table.tBodies[0].rows, (row) =>
      Object.fromEntries(cellsOf(row).map((cell, at) => [
        names[at], row.cells[at].dataset.value !== undefined && cell !== "" ? Number(cell) : cell,
      ])));
    return JSON.stringify(rows, null, 1) + "\n";
  };
  for (const table of $("table.data")) {
    Array.from(table.tHead.rows[0].cells).forEach((head, column) => {
      const text = head.textContent;
      head.replaceChildren(button(text, () => sortBy(table, column), { title: "Sort by " + text }));
    });
    const name = table.dataset.name, said = table.caption.textContent;
    const tools = make("div", undefined, { class: "tools" });
    tools.append(
      button("CSV", () => download(name + ".csv", "text/csv", asCsv(table)), { "aria-label": "Download as CSV: " + said }),
      button("JSON", () => download(name + ".json", "application/json", asJson(table)), { "aria-label": "Download as JSON: " + said }),
    );
    table.parentElement.after(tools);
  }

  // Confusion matrices: a cell lists its clips, which play.
  const STEP = 24;
  const AUDIO = ["audible", "silent", "none"];
  const SAID = { audible: "with audio", silent: "silent audio", none: "no audio track" };
  const dataOf = new Map();
  const evaluation = (key) => {
    if (!dataOf.has(key)) {
      const block = document.getElementById("data-" + key);
      dataOf.set(key, block ? JSON.parse(block.textContent) : { classes: [], clips: [] });
    }
    return dataOf.get(key);
  };
  const CUT = 2;  // a part of a file, named a.mp4#5-7.25
  const addressOf = (folder, id, kind) => {
    const end = kind === CUT ? id.lastIndexOf("#") : id.length;
    const start = kind === CUT ? "#t=" + parseFloat(id.slice(end + 1)) : "";
    return folder + id.slice(0, end).split("/").map(encodeURIComponent).join("/") + start;
  };
  const showClips = (key, truth, predicted) => {
    const { classes, clips, folder, kinds } = evaluation(key);
    const place = document.getElementById("clips-" + key);
    const chosen = [];
    clips.forEach((clip, at) => { if (clip[1] === truth && clip[2] === predicted) chosen.push(at); });
    chosen.sort((a, b) => clips[b][3] - clips[a][3]);
    const count = chosen.length === 1 ? "1 clip" : chosen.length + " clips";
    const title = make("h4", count + ": true class " + classes[truth] + ", predicted " + classes[predicted], { tabindex: "-1" });
    const list = make("ul");
    let shown = 0;
    const more = button("More clips", () => add());
    const add = () => {
      for (const at of chosen.slice(shown, shown + STEP)) {
        const [id, , , probability, audio] = clips[at];
        const item = make("li");
        const media = document.getElementById("video-" + key + "-" + at);
        if (media) {
          const video = make("video", undefined, { controls: "", loop: "", preload: "auto", playsinline: "" });
          video.src = "data:video/mp4;base64," + media.textContent.trim();
          video.setAttribute("aria-label", id);
          item.append(video);
        }
        const name = make("div");
        name.append(kinds && kinds[at] ? make("a", id, { href: addressOf(folder, id, kinds[at]) }) : id);
        item.append(name, make("div", "probability " + (100 * probability).toFixed(1) + " %, " + SAID[AUDIO[audio]], { class: "soft" }));
        list.append(item);
      }
      shown += STEP;
      more.hidden = shown >= chosen.length;
    };
    add();
    place.replaceChildren(title, list, more, " ", button("Close", () => place.replaceChildren()));
    title.focus();
  };
  for (const matrix of $("svg.matrix")) {
    const key = matrix.dataset.eval, left = Number(matrix.dataset.left), side = Number(matrix.dataset.cell);
    const cursor = matrix.querySelector(".cursor"), live = document.getElementById("live-" + key);
    const counts = new Map();
    let at = null;
    const { classes, clips } = evaluation(key);
    for (const clip of clips) {
      const cell = clip[1] + ":" + clip[2];
      counts.set(cell, (counts.get(cell) || 0) + 1);
    }
    const move = (truth, predicted) => {
      at = [truth, predicted];
      cursor.setAttribute("x", left + side * predicted);
      cursor.setAttribute("y", side * truth + 1);
      cursor.setAttribute("visibility", "visible");
      const count = counts.get(truth + ":" + predicted) || 0;
      live.textContent = "true class " + classes[truth] + ", predicted " + classes[predicted] + ": " + count + (count === 1 ? " clip" : " clips");
    };
    const under = (event) => {
      const cell = event.target.closest("rect[data-t]");
      return cell ? [Number(cell.dataset.t), Number(cell.dataset.p)] : null;
    };
    matrix.addEventListener("pointermove", (event) => { const cell = under(event); if (cell) move(...cell); });
    matrix.addEventListener("click", (event) => { const cell = under(event); if (cell) { move(...cell); showClips(key, ...cell); } });
    matrix.addEventListener("focus", () => { if (!at) move(0, 0); });
    matrix.addEventListener("keydown", (event) => {
      const steps = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };
      if (event.key in steps) {
        event.preventDefault();
        const [down, right] = steps[event.key], inside = (n) => Math.min(Math.max(n, 0), classes.length - 1);
        move(inside(at[0] + down), inside(at[1] + right));
      } else if (event.key === "Enter" || event.key === " ") {
        event.preventDefault();
        showClips(key, ...at);
      }
    });
  }
  for (const pair of $("button[data-pair]")) {
    pair.hidden = false;
    pair.addEventListener("click", () => showClips(pair.dataset.eval, ...pair.dataset.pair.split(":").map(Number)));
  }
  for (const copy of $(".signature")) {
    copy.after(button("Copy signature", async (event) => {
      try { await navigator.clipboard.writeText(copy.textContent); event.target.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(copy); event.target.textContent = "Selected"; }
    }));
  }
})();
