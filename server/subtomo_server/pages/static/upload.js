// Upload from a browser: make a dataset, send each file, have everything checked, open its page.

const form = document.getElementById("upload");
const bar = document.getElementById("upload-progress");
const told = document.getElementById("upload-told");

async function checked(answer) {
  if (answer.ok) return answer.json();
  const problem = await answer.json().catch(() => ({}));
  throw new Error(problem.detail || `the server answered ${answer.status}`);
}

// Stacks of tilt images tell themselves what is missing.
async function areStacks(files) {
  for (const file of files.filter((one) => /\.star$/i.test(one.name))) {
    const text = await file.text();
    const flag = text.match(/^\s*_rlnTomoSubTomosAre2DStacks\s+(\S+)/m);
    if (flag ? Number(flag[1]) !== 0 : /^\s*_rlnTomoVisibleFrames\b/m.test(text)) return true;
  }
  return false;
}

// Of a folder, a file's name is the way to it from there.
function nameOf(file) {
  return file.webkitRelativePath ? file.webkitRelativePath.split("/").slice(1).join("/") : file.name;
}

function description(fields, stacks) {
  const tilts = { kind: "wedge", tilt_min_deg: Number(fields.get("low")), tilt_max_deg: Number(fields.get("high")), axis: "y" };
  const body = {
    name: fields.get("name"),
    missing: stacks ? { kind: "mask" } : tilts,
    dark_particles: fields.get("dark") === "on",
  };
  if (fields.get("voxel")) body.voxel_size_angstrom = Number(fields.get("voxel"));
  return body;
}

function put(url, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.upload.addEventListener("progress", (event) => progress(event.loaded));
    request.addEventListener("error", () => reject(new Error(`the upload of ${file.name} broke off`)));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve();
      else reject(new Error(JSON.parse(request.responseText || "{}").detail || `${file.name}: ${request.status}`));
    });
    request.send(file);
  });
}

// Big files go by tus: after a broken connection they go on where they were.
const resumableFrom = 64 * 1024 * 1024;
const attempts = 20;
const tus = { "Tus-Resumable": "1.0.0" };

function base64(text) {
  return btoa(String.fromCharCode(...new TextEncoder().encode(text)));
}

function patch(url, file, offset, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PATCH", url);
    request.setRequestHeader("Tus-Resumable", "1.0.0");
    request.setRequestHeader("Upload-Offset", String(offset));
    request.setRequestHeader("Content-Type", "application/offset+octet-stream");
    request.upload.addEventListener("progress", (event) => progress(offset + event.loaded));
    request.addEventListener("error", () => resolve(false));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve(true);
      else if ([409, 423, 502, 503, 504].includes(request.status)) resolve(false);
      else reject(new Error(JSON.parse(request.responseText || "{}").detail || `${file.name}: ${request.status}`));
    });
    request.send(file.slice(offset));
  });
}

async function offsetOf(url) {
  const answer = await fetch(url, { method: "HEAD", headers: tus }).catch(() => null);
  return answer && answer.ok ? Number(answer.headers.get("Upload-Offset")) : null;
}

async function send(dataset, file, progress) {
  const headers = { ...tus, "Upload-Length": String(file.size), "Upload-Metadata": `filename ${base64(nameOf(file))}` };
  const begun = await fetch(`/api/v1/datasets/${dataset}/uploads`, { method: "POST", headers });
  if (!begun.ok) await checked(begun);
  const url = begun.headers.get("Location");
  for (let attempt = 0; attempt < attempts; attempt += 1) {
    const offset = await offsetOf(url);
    if (offset === file.size) return;
    if (offset !== null && (await patch(url, file, offset, progress))) return;
    await new Promise((resolve) => setTimeout(resolve, 3000));
  }
  throw new Error(`the upload of ${file.name} broke off`);
}

async function upload() {
  const fields = new FormData(form);
  const files = [...fields.getAll("files"), ...fields.getAll("folder")].filter((file) => file.name && !/(^|\/)\./.test(nameOf(file)));
  if (!files.length) throw new Error("choose files, or a folder");
  const total = files.reduce((sum, file) => sum + file.size, 0) || 1;
  const made = await checked(
    await fetch("/api/v1/datasets", { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(description(fields, await areStacks(files))) }),
  );
  let before = 0;
  for (const file of files) {
    told.textContent = `Sending ${nameOf(file)}`;
    const progress = (loaded) => {
      bar.value = (before + loaded) / total;
    };
    if (file.size >= resumableFrom) await send(made.id, file, progress);
    else await put(`/api/v1/datasets/${made.id}/files/${nameOf(file).split("/").map(encodeURIComponent).join("/")}`, file, progress);
    before += file.size;
  }
  told.textContent = "Checking";
  await checked(await fetch(`/api/v1/datasets/${made.id}/seal`, { method: "POST", headers: { prefer: "wait=60" } }));
  window.location.assign(`/datasets/${made.id}`);
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  bar.hidden = false;
  try {
    await upload();
  } catch (error) {
    told.textContent = `That did not work: ${error.message}`;
    button.disabled = false;
  }
});
