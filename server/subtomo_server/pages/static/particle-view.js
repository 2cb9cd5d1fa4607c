// One particle in slices: as it lies, aligned, and the average of its class.

import { find, make } from "/static/elements.js";
import { PLANES, drawSlice, readVolume } from "/static/volume.js";

const NO_LEVEL = Infinity; // no surface is drawn into the slices

function figure(root, title) {
  const made = make("figure");
  const cuts = make("div", "cuts");
  const canvases = PLANES.map(({ name }) => {
    const canvas = make("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", `Central slice ${name}, ${title}`);
    return canvas;
  });
  const caption = make("figcaption", "fine", title);
  cuts.append(...canvases);
  made.append(cuts, caption);
  root.append(made);
  return { caption, canvases };
}

/** A row of the table, across all of its columns, that holds an element. */
function across(content, columns) {
  const row = make("tr");
  const cell = make("td");
  cell.colSpan = columns;
  cell.append(content);
  row.append(cell);
  return row;
}

/** Give a function that shows a particle below its row of the table, or hides it again. */
export function makeParticleView(api) {
  const [view, title, lowPass, told] = ["particle-view", "particle-title", "particle-low-pass", "particle-told"].map(find);
  const shown = ["as it lies", "aligned", "average of its class"].map((name) => figure(find("particle-slices"), name));
  const holder = across(view, document.querySelectorAll("#particle-table th").length);
  let item = null;
  let newest = 0;

  async function load() {
    const number = ++newest;
    const fine = lowPass.value ? `&low_pass_angstrom=${encodeURIComponent(lowPass.value)}` : "";
    const own = `${api}/iterations/last/particles/${item.row}/display.mrc`;
    const places = [`${own}?aligned=false${fine}`, `${own}?aligned=true${fine}`, `${api}/iterations/last/classes/${item.class}/display.mrc`];
    const answers = await Promise.all(places.map((place) => fetch(place)));
    const wrong = answers.find((answer) => !answer.ok);
    const said = wrong ? (await wrong.json()).detail : "";
    const contents = wrong ? [] : await Promise.all(answers.map((answer) => answer.arrayBuffer()));
    if (number !== newest) return; // another one was asked for meanwhile
    told.textContent = said;
    contents.map(readVolume).forEach((volume, i) => {
      const middle = [0, 0, 0].fill(volume.side >> 1);
      PLANES.forEach((plane, p) => drawSlice(shown[i].canvases[p], volume, plane, middle, NO_LEVEL, [0, 0, 0]));
    });
  }

  lowPass.addEventListener("change", () => lowPass.validity.valid && load());
  return (chosen, row) => {
    if (row.nextSibling === holder) return holder.remove();
    item = chosen;
    title.textContent = `Particle ${item.row}: ${item.image}`;
    shown[2].caption.textContent = `average of class ${item.class}${item.junk ? ", which it does not show (junk)" : ""}`;
    view.hidden = false;
    row.after(holder);
    return load();
  };
}
