// Files and folders that are chosen or dropped; each is named by the way to it from its folder.

const hidden = (name) => /(^|\/)\./.test(name);

function below(path) {
  return path.split("/").slice(1).join("/");
}

function entriesOf(folder) {
  const reader = folder.createReader();
  const found = [];
  return new Promise((resolve, reject) => {
    // A reader gives its entries in parts, and none at the end.
    const more = () =>
      reader.readEntries((part) => {
        found.push(...part);
        if (part.length) more();
        else resolve(found);
      }, reject);
    more();
  });
}

async function walk(entry, above, files) {
  const name = above + entry.name;
  if (entry.isDirectory) {
    for (const inner of await entriesOf(entry)) await walk(inner, `${name}/`, files);
  } else {
    files.set(name, await new Promise((resolve, reject) => entry.file(resolve, reject)));
  }
}

async function dropped(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
  const files = new Map();
  for (const entry of entries) await walk(entry, "", files);
  if (!entries.length) for (const file of transfer.files) files.set(file.name, file);
  // One folder alone is the root itself.
  const alone = entries.length === 1 && entries[0].isDirectory;
  return alone ? new Map([...files].map(([name, file]) => [below(name), file])) : files;
}

/** Follow an area where files are chosen or dropped; `told` gets all of them at each change. */
export function picker(area, told) {
  const chosen = new Map();
  const add = (files) => {
    for (const [name, file] of files) if (!hidden(name)) chosen.set(name, file);
    told(chosen);
  };
  for (const input of area.querySelectorAll("input[type=file]")) {
    input.addEventListener("change", () => {
      const files = [...input.files].map((file) => [file.webkitRelativePath ? below(file.webkitRelativePath) : file.name, file]);
      input.value = "";
      add(files);
    });
  }
  area.addEventListener("dragover", (event) => {
    event.preventDefault();
    area.classList.add("over");
  });
  area.addEventListener("dragleave", () => area.classList.remove("over"));
  area.addEventListener("drop", async (event) => {
    event.preventDefault();
    area.classList.remove("over");
    add(await dropped(event.dataTransfer));
  });
  return chosen;
}
