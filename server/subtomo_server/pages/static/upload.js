// Upload from a browser: a new dataset, or more files for one that is open or was rejected.

import { make } from "/static/elements.js";
import { byField, groupOf, showCounting, showTold, valueOf } from "/static/fields.js";
import { picker } from "/static/picking.js";
import { Refused, checked, sendAll } from "/static/sending.js";

const form = document.getElementById("upload");
const api = "/api/v1/datasets";
const json = { "content-type": "application/json" };
const headBytes = 512 * 1024;
const tablesRead = 8;
const isTable = /\.(star|tbl|xml)$/i;

function inWords(bytes) {
  const power = Math.min(4, Math.floor(Math.log2(Math.max(bytes, 1)) / 10));
  return `${(bytes / 1024 ** power).toFixed(power ? 1 : 0)} ${["bytes", "KiB", "MiB", "GiB", "TiB"][power]}`;
}

// ---------------------------------------------------------------- what is missing

let chosenByHand = Boolean(form && valueOf(form, "missing.kind"));

function propose({ missing, reason }) {
  const told = document.getElementById("proposed");
  if (!told) return;
  told.hidden = false;
  told.textContent = `${reason}.`;
  if (chosenByHand) return;
  for (const [key, value] of [["kind", missing.kind], ...Object.entries(missing)]) {
    for (const input of form.querySelectorAll(`[name="missing.${key}"]:not(:disabled)`)) input.value = value;
    showCounting(form);
  }
}

/** Ask what the tables among the files tell of the missing region. */
async function readTables(files) {
  const tables = [...files].filter(([name]) => isTable.test(name)).slice(0, tablesRead);
  for (const [name, file] of tables) {
    const query = new URLSearchParams({ name, whole: file.size <= headBytes });
    const answer = await fetch(`${api}/propose-region?${query}`, { method: "POST", body: file.slice(0, headBytes) });
    const found = answer.ok ? await answer.json() : {};
    if (found.missing) return propose(found);
  }
  return null;
}

// ---------------------------------------------------------------- files

function showChosen(files) {
  const place = form.querySelector("[data-chosen]");
  const size = [...files.values()].reduce((sum, file) => sum + file.size, 0);
  const tables = [...files.keys()].filter((name) => isTable.test(name));
  const names = [...tables, ...[...files.keys()].filter((name) => !isTable.test(name))];
  const more = names.length > 3 ? ` and ${names.length - 3} more` : "";
  place.textContent = names.length ? `${inWords(size)}: ${names.slice(0, 3).join(", ")}${more} ` : "";
  if (!names.length) return;
  const clear = make("button", "quiet", "Choose anew");
  clear.type = "button";
  clear.addEventListener("click", () => {
    files.clear();
    showChosen(files);
  });
  place.append(clear);
}

function description() {
  const missing = groupOf(form, "missing") || (form.dataset.dataset ? undefined : {});
  const body = { name: valueOf(form, "name").trim() || undefined };
  if (form.querySelector('[name="missing.kind"]')) {
    body.missing = missing;
    body.dark_particles = form.querySelector('[name="dark_particles"]').checked;
    body.voxel_size_angstrom = valueOf(form, "voxel_size_angstrom").trim() || undefined;
  }
  return JSON.stringify(body);
}

const sent = new Set();

async function upload(files, tell) {
  let dataset = form.dataset.dataset;
  const body = description();
  if (!dataset) {
    if (!files.size) throw new Error("choose files, or a folder");
    dataset = (await checked(await fetch(api, { method: "POST", headers: json, body }))).id;
    form.dataset.dataset = dataset; // pressed once more, what is left goes on into it
  } else if (body !== "{}") {
    await checked(await fetch(`${api}/${dataset}`, { method: "PATCH", headers: json, body }));
  }
  await sendAll(dataset, files, sent, (name, share) => tell(`Sending ${name}`, share));
  tell("Checking", 1);
  await checked(await fetch(`${api}/${dataset}/seal`, { method: "POST", headers: { prefer: "wait=60" } }));
  window.location.assign(`/datasets/${dataset}`);
}

function follow() {
  const bar = document.getElementById("upload-progress");
  const told = document.getElementById("upload-told");
  const button = form.querySelector("button.main");
  const files = picker(form.querySelector("[data-drop]"), (chosen) => {
    showChosen(chosen);
    readTables(chosen);
  });
  const tell = (text, share) => {
    told.textContent = text;
    bar.hidden = false;
    bar.value = share;
  };
  form.addEventListener("input", (event) => {
    if (event.target.name === "missing.kind") chosenByHand = true;
    showCounting(form);
  });
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    button.disabled = true;
    try {
      await upload(files, tell);
    } catch (error) {
      const others = error instanceof Refused ? showTold(form, "wrong", byField(form, error.problem)) : [error.message];
      const said = others.length || !error.problem?.errors?.length ? others.join("; ") || error.message : "see the fields above";
      told.textContent = `That did not work: ${said}`;
      button.disabled = false;
    }
  });
  showCounting(form);
}

/** Say when there is a dataset of this name already. */
function watchName() {
  const input = form.querySelector('[name="name"]');
  input?.addEventListener("change", async () => {
    const name = input.value.trim();
    const query = new URLSearchParams({ name, limit: 1 });
    const { items } = name ? await checked(await fetch(`${api}?${query}`)) : { items: [] };
    const already = items.length ? [`there is a dataset of this name already (${items[0].status}, ${items[0].particles ?? "?"} particles)`] : [];
    showTold(form, "remarked", { name: already });
  });
}

/** A dataset that is being checked is shown anew at the end. */
async function waitForCheck(dataset) {
  for (;;) {
    const answer = await fetch(`${api}/${dataset}`, { headers: { prefer: "wait=30" } });
    if (!answer.ok) return;
    if ((await answer.json()).status !== "checking") window.location.reload();
    await new Promise((resolve) => setTimeout(resolve, 1000));
  }
}

function removable(button) {
  button.addEventListener("click", async () => {
    button.disabled = true;
    const name = button.dataset.remove.split("/").map(encodeURIComponent).join("/");
    await checked(await fetch(`${api}/${form.dataset.dataset}/files/${name}`, { method: "DELETE" }));
    button.closest("li").remove();
  });
}

if (form) {
  follow();
  watchName();
  document.querySelectorAll("[data-remove]").forEach(removable);
}
const checking = document.querySelector("[data-checking]");
if (checking) waitForCheck(checking.dataset.checking);
