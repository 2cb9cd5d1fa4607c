// The particles of a job as a table: sorted, filtered and paged by the server, and made into datasets.

import { find, make } from "/static/elements.js";
import { makeParticleView } from "/static/particle-view.js";

const PAGE = 50;
const fixed = (values, digits) => values.map((value) => value.toFixed(digits)).join(", ");

/** Conditions of the filter, as the API takes them. */
function choice(form) {
  const found = { junk: form.elements.junk.checked };
  for (const name of ["min_probability", "min_score"]) if (form.elements[name].value) found[name] = Number(form.elements[name].value);
  if (form.elements.classes.value) found.classes = [Number(form.elements.classes.value)];
  return found;
}

/** A row of the table; its number shows the particle below it. */
function line(item, show) {
  const row = make("tr");
  const number = make("td", "fine");
  const button = make("button", "quiet", String(item.row));
  button.type = "button";
  button.setAttribute("aria-label", `Look at particle ${item.row}`);
  button.addEventListener("click", () => show(item, row));
  number.append(button);
  const cells = [item.image, item.class, item.probability.toFixed(3), `${item.junk_probability.toFixed(3)}${item.junk ? " (junk)" : ""}`, item.score.toPrecision(5), fixed(item.angles_deg, 1), fixed(item.shift_angstrom, 1)];
  row.append(number, ...cells.map((text) => make("td", "fine", String(text))));
  return row;
}

/** Let the table load when it is opened, and follow its filter, its heads and its pages. */
export function makeTable(api) {
  const form = find("particle-filter");
  const view = { sort: "row", descending: false, offset: 0 };
  const show = makeParticleView(api);
  let newest = 0;

  async function load() {
    const number = ++newest;
    const asked = { ...choice(form), ...view, limit: PAGE };
    const answer = await fetch(`${api}/iterations/last/particles?${new URLSearchParams(asked)}`);
    const found = await answer.json();
    if (number !== newest) return; // asked for something else meanwhile
    if (!answer.ok) {
      find("particle-count").textContent = found.detail;
      return;
    }
    find("particle-rows").replaceChildren(...found.items.map((item) => line(item, show)));
    const last = view.offset + found.items.length;
    const which = found.total > PAGE ? `, ${view.offset + 1} to ${last}` : "";
    find("particle-count").textContent = `${found.total} of ${found.particles} particles${which}`;
    find("particles-before").disabled = view.offset === 0;
    find("particles-after").disabled = last >= found.total;
    for (const head of document.querySelectorAll("[data-sort]")) {
      const own = head.dataset.sort === view.sort;
      head.closest("th").setAttribute("aria-sort", own ? (view.descending ? "descending" : "ascending") : "none");
    }
  }

  const go = (change) => {
    Object.assign(view, change);
    load();
  };
  find("particles").addEventListener("toggle", (event) => event.target.open && load());
  form.addEventListener("input", () => go({ offset: 0 }));
  form.addEventListener("submit", (event) => event.preventDefault());
  find("particles-before").addEventListener("click", () => go({ offset: Math.max(0, view.offset - PAGE) }));
  find("particles-after").addEventListener("click", () => go({ offset: view.offset + PAGE }));
  for (const head of document.querySelectorAll("[data-sort]")) {
    const { sort } = head.dataset;
    head.addEventListener("click", () => go({ sort, descending: view.sort === sort && !view.descending, offset: 0 }));
  }
  find("selection").addEventListener("submit", (event) => {
    event.preventDefault();
    const { name, binning } = event.target.elements;
    const sampling = binning.value ? { binning: Number(binning.value) } : {};
    makeDataset(api, { name: name.value, ...sampling, ...choice(form) });
  });
}

async function makeDataset(api, body) {
  const told = find("selection-told");
  told.textContent = "Copying the particles…";
  let answer = await fetch(`${api}/iterations/last/selection`, {
    method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
  let found = await answer.json();
  while (answer.ok && found.status === "checking") {
    answer = await fetch(`/api/v1/datasets/${found.id}`, { headers: { prefer: "wait=10" } });
    found = await answer.json();
  }
  if (answer.ok) window.location.href = `/datasets/${found.id}`;
  else told.textContent = found.detail;
}
