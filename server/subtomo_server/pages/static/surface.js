// The surface of a level in a volume, drawn by WebGL2: rays are cast through a 3D texture.

import { PAINTS, radiusOf } from "/static/volume.js";

const VERTEX = `#version 300 es
in vec2 corner;
out vec2 place;
void main() { place = corner; gl_Position = vec4(corner, 0.0, 1.0); }`;

// Lengths are voxels, positions count from the origin of the map: voxel side / 2 (rounded down).
const FRAGMENT = `#version 300 es
precision highp float;
precision highp sampler3D;
uniform sampler3D density;
uniform mat3 toMap;       // directions of the screen (x right, y up, z towards us) to those of the map
uniform float side;
uniform float level;      // 0 to 1, as the texture is read
uniform float mean;
uniform float radius;     // the surface lies within
uniform float halfWidth;  // of what the picture shows
uniform vec3 colour;
uniform sampler3D paint;  // values that colour the surface instead, from paints[0] to paints[2]
uniform vec3 paints[3];
uniform bool painted;
uniform vec3 ground;
in vec2 place;
out vec4 shade;

float at(vec3 p) { return texture(density, (p + floor(side / 2.0) + 0.5) / side).r; }

vec3 own(vec3 p) {
  if (!painted) return colour;
  float t = 2.0 * texture(paint, (p + floor(side / 2.0) + 0.5) / side).r;
  return t < 1.0 ? mix(paints[0], paints[1], t) : mix(paints[1], paints[2], t - 1.0);
}

vec3 gradient(vec3 p) {
  vec2 h = vec2(1.0, 0.0);
  return vec3(at(p + h.xyy) - at(p - h.xyy), at(p + h.yxy) - at(p - h.yxy), at(p + h.yyx) - at(p - h.yyx));
}

// How much of the sky over a point is covered, 0 to 1.
float covered(vec3 p, vec3 normal) {
  float sum = 0.0;
  for (float d = 2.0; d <= 4.0; d += 2.0) sum += clamp((at(p + d * normal) - mean) / (level - mean), 0.0, 1.0);
  return sum / 2.0;
}

void main() {
  shade = vec4(0.0);
  vec2 beside = place * halfWidth;
  float deep = radius * radius - dot(beside, beside);
  if (deep <= 0.0) return;
  vec3 start = toMap * vec3(beside, sqrt(deep));
  vec3 along = toMap * vec3(0.0, 0.0, -1.0);
  // Where the ray enters and leaves the box of all voxels.
  vec3 low = vec3(-floor(side / 2.0) - 0.5), high = low + side;
  vec3 safe = mix(along, vec3(1e-6), lessThan(abs(along), vec3(1e-6)));
  vec3 a = (low - start) / safe, b = (high - start) / safe;
  vec3 entry = min(a, b), leave = max(a, b);
  float t = max(max(entry.x, entry.y), max(entry.z, 0.0));
  float end = min(min(leave.x, leave.y), min(leave.z, 2.0 * sqrt(deep)));
  float step = 0.6, before = t;
  bool hit = false;
  for (int i = 0; i < 1024; i++) {
    if (t > end) break;
    if (at(start + t * along) >= level) { hit = true; break; }
    before = t;
    t += step;
  }
  if (!hit) return;
  for (int i = 0; i < 6; i++) {
    float middle = 0.5 * (before + t);
    if (at(start + middle * along) >= level) t = middle; else before = middle;
  }
  vec3 p = start + t * along;
  vec3 slope = gradient(p);
  vec3 normal = dot(slope, slope) > 0.0 ? -normalize(slope) : -along;
  vec3 light = normalize(toMap * vec3(-0.35, 0.45, 0.82));
  float diffuse = 0.5 + 0.5 * dot(normal, light);
  float shine = 0.16 * pow(max(dot(normal, normalize(light - along)), 0.0), 32.0);
  float open = 1.0 - 0.55 * covered(p, normal);
  float depth = clamp(0.5 - dot(p, -along) / (2.0 * radius), 0.0, 1.0);
  vec3 lit = own(p) * (0.25 + 0.85 * diffuse * diffuse) * open + shine;
  shade = vec4(mix(lit, ground, 0.4 * depth), 1.0);
}`;

function compiled(gl) {
  const program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) throw new Error(gl.getProgramInfoLog(program));
  return program;
}

/** One WebGL context for all surfaces of a page; each picture is copied to a canvas of its own. */
export class SurfaceRenderer {
  /** Throws where the browser has no WebGL2. */
  constructor() {
    this.canvas = document.createElement("canvas");
    this.gl = this.canvas.getContext("webgl2", { antialias: false });
    if (!this.gl) throw new Error("This browser has no WebGL2");
    this.textures = new Map();
    this.pixel = new Uint8Array(4);
    this.rate = 1e5; // pixels a millisecond, measured while drawing
    this.canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
    this.canvas.addEventListener("webglcontextrestored", () => this.prepare());
    this.prepare();
  }

  prepare() {
    const { gl } = this;
    this.textures.clear();
    this.program = compiled(gl);
    gl.useProgram(this.program);
    gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
    gl.bufferData(gl.ARRAY_BUFFER, new Float32Array([-1, -1, 3, -1, -1, 3]), gl.STATIC_DRAW);
    const corner = gl.getAttribLocation(this.program, "corner");
    gl.enableVertexAttribArray(corner);
    gl.vertexAttribPointer(corner, 2, gl.FLOAT, false, 0, 0);
  }

  uniform(name) {
    return this.gl.getUniformLocation(this.program, name);
  }

  /** The texture of a volume, uploaded when it is first drawn. */
  texture(volume) {
    const { gl } = this;
    if (this.textures.has(volume)) return this.textures.get(volume);
    const made = gl.createTexture();
    gl.bindTexture(gl.TEXTURE_3D, made);
    for (const axis of [gl.TEXTURE_WRAP_S, gl.TEXTURE_WRAP_T, gl.TEXTURE_WRAP_R]) gl.texParameteri(gl.TEXTURE_3D, axis, gl.CLAMP_TO_EDGE);
    for (const filter of [gl.TEXTURE_MIN_FILTER, gl.TEXTURE_MAG_FILTER]) gl.texParameteri(gl.TEXTURE_3D, filter, gl.LINEAR);
    gl.pixelStorei(gl.UNPACK_ALIGNMENT, 1);
    const { side } = volume;
    gl.texImage3D(gl.TEXTURE_3D, 0, gl.R8, side, side, side, 0, gl.RED, gl.UNSIGNED_BYTE, volume.voxels);
    this.textures.set(volume, made);
    return made;
  }

  /** Free what a volume that is shown no more takes on the graphics card. */
  forget(volume) {
    this.gl.deleteTexture(this.textures.get(volume));
    this.textures.delete(volume);
  }

  /**
   * Draw a surface onto a canvas, which keeps its size.
   * view: turn (rows of a rotation from the map to the screen, 9 numbers), zoom, level (sigma),
   * colour and ground ([r, g, b], 0 to 1), milliseconds it may take; paint is a volume that colours
   * it instead, or nothing.
   */
  draw(target, volume, view) {
    const { gl } = this;
    const { width, height } = target;
    const scale = Math.min(2, Math.max(0.3, Math.sqrt((this.rate * view.milliseconds) / (width * height))));
    const size = [Math.round(width * scale), Math.round(height * scale)];
    if (this.canvas.width < size[0]) this.canvas.width = size[0];
    if (this.canvas.height < size[1]) this.canvas.height = size[1];
    const started = performance.now();
    gl.viewport(0, 0, size[0], size[1]);
    const textures = [this.texture(volume), this.texture(view.paint ?? volume)];
    textures.forEach((texture, unit) => {
      gl.activeTexture(gl.TEXTURE0 + unit);
      gl.bindTexture(gl.TEXTURE_3D, texture);
    });
    gl.uniform1i(this.uniform("paint"), 1);
    gl.uniform1i(this.uniform("painted"), view.paint ? 1 : 0);
    gl.uniform3fv(this.uniform("paints"), PAINTS.flat());
    const level = volume.mean + view.level * volume.sigma;
    // The rows of a rotation, read as columns, are its inverse: from the screen to the map.
    gl.uniformMatrix3fv(this.uniform("toMap"), false, view.turn);
    const numbers = { side: volume.side, level: level / 255, mean: volume.mean / 255, radius: radiusOf(volume, level), halfWidth: volume.side / 2 / view.zoom };
    for (const [name, value] of Object.entries(numbers)) gl.uniform1f(this.uniform(name), value);
    gl.uniform3fv(this.uniform("colour"), view.colour);
    gl.uniform3fv(this.uniform("ground"), view.ground);
    gl.drawArrays(gl.TRIANGLES, 0, 3);
    gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, this.pixel); // waits until it is drawn
    this.rate = 0.5 * (this.rate + (size[0] * size[1]) / Math.max(0.5, performance.now() - started));
    const context = target.getContext("2d");
    context.clearRect(0, 0, width, height);
    context.drawImage(this.canvas, 0, this.canvas.height - size[1], size[0], size[1], 0, 0, width, height);
  }
}
