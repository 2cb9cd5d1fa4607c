// Sends files to a dataset: small ones whole, big ones so that they go on after a broken connection.

/** What the server refused, with its problem document. */
export class Refused extends Error {
  constructor(problem, otherwise) {
    super(problem.detail || otherwise);
    this.problem = problem;
  }
}

/** The document of an answer. */
export async function checked(answer) {
  if (answer.ok) return answer.status === 204 ? null : answer.json();
  throw new Refused(await answer.json().catch(() => ({})), `the server answered ${answer.status}`);
}

function put(url, file, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("PUT", url);
    request.upload.addEventListener("progress", (event) => progress(event.loaded));
    request.addEventListener("error", () => reject(new Error(`the upload of ${file.name} broke off`)));
    request.addEventListener("load", () => {
      if (request.status < 300) resolve();
      else reject(new Refused(JSON.parse(request.responseText || "{}"), `${file.name}: ${request.status}`));
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
      else reject(new Refused(JSON.parse(request.responseText || "{}"), `${file.name}: ${request.status}`));
    });
    request.send(file.slice(offset));
  });
}

async function offsetOf(url) {
  const answer = await fetch(url, { method: "HEAD", headers: tus }).catch(() => null);
  return answer && answer.ok ? Number(answer.headers.get("Upload-Offset")) : null;
}

async function resumably(dataset, name, file, progress) {
  const headers = { ...tus, "Upload-Length": String(file.size), "Upload-Metadata": `filename ${base64(name)}` };
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

const atOnce = 4;

/** Send files by their names; those in `sent` are there already, and each that has come is added. */
export async function sendAll(dataset, files, sent, progress) {
  const total = [...files.values()].reduce((sum, file) => sum + file.size, 0) || 1;
  const left = [...files].filter(([, file]) => !sent.has(file));
  let done = total - left.reduce((sum, [, file]) => sum + file.size, 0);
  const one = async ([name, file]) => {
    let before = 0;
    const count = (size) => {
      done += size - before;
      before = size;
      progress(name, done / total);
    };
    count(0);
    if (file.size >= resumableFrom) await resumably(dataset, name, file, count);
    else await put(`/api/v1/datasets/${dataset}/files/${name.split("/").map(encodeURIComponent).join("/")}`, file, count);
    count(file.size);
    sent.add(file);
  };
  const worker = async () => {
    try {
      while (left.length) await one(left.shift());
    } catch (error) {
      left.length = 0; // the others stop, too
      throw error;
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}
