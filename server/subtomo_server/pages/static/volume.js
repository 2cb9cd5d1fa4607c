// Volumes of 8 bits a voxel: read from MRC, measured, and cut into slices.

const HEADER = 1024;
const BINS = 256;

/**
 * Read an MRC file of mode 0 (8 bits). Voxels become 0 to 255, x fastest, then y, then z.
 * mean and sigma are those of all voxels; greatest and start are levels in sigma above the mean.
 */
export function readVolume(buffer) {
  const header = new DataView(buffer, 0, HEADER);
  const side = header.getInt32(0, true);
  const bytes = new Int8Array(buffer, HEADER + header.getInt32(92, true), side ** 3);
  const voxels = new Uint8Array(side ** 3);
  const counts = new Float64Array(BINS);
  for (let i = 0; i < bytes.length; i += 1) {
    voxels[i] = bytes[i] + 128;
    counts[voxels[i]] += 1;
  }
  const voxelSize = header.getFloat32(40, true) / header.getInt32(28, true);
  return { side, voxels, voxelSize, ...measures(counts), reach: reaches(voxels, side) };
}

function measures(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const mean = counts.reduce((sum, count, value) => sum + count * value, 0) / total;
  const variance = counts.reduce((sum, count, value) => sum + count * (value - mean) ** 2, 0) / total;
  const sigma = Math.sqrt(variance) || 1;
  const dark = quantile(counts, 0.005 * total);
  const bright = Math.max(quantile(counts, 0.999 * total), dark + 1);
  const greatest = (quantile(counts, total - 0.5) - mean) / sigma;
  const start = Math.min(Math.max((threshold(counts) - mean) / sigma, 1), 0.8 * greatest);
  return { mean, sigma, dark, bright, greatest, start, flat: variance === 0 };
}

function quantile(counts, rank) {
  let below = 0;
  return counts.findIndex((count) => (below += count) > rank);
}

/** The value that divides voxels into two groups with the least variance within them (Otsu 1979). */
function threshold(counts) {
  const total = counts.reduce((sum, count) => sum + count, 0);
  const sum = counts.reduce((partial, count, value) => partial + count * value, 0);
  let [best, divided, below, sumBelow] = [-1, 0, 0, 0];
  counts.forEach((count, value) => {
    below += count;
    sumBelow += count * value;
    if (!below || below === total) return;
    const apart = sumBelow / below - (sum - sumBelow) / (total - below);
    const between = below * (total - below) * apart ** 2;
    if (between > best) [best, divided] = [between, value + 0.5];
  });
  return divided;
}

/** Greatest value at each distance from the centre or beyond: what a level's surface lies within. */
function reaches(voxels, side) {
  const centre = side >> 1;
  const greatest = new Uint8Array(Math.ceil(centre * Math.sqrt(3)) + 2);
  let i = 0;
  for (let z = -centre; z < side - centre; z += 1)
    for (let y = -centre; y < side - centre; y += 1)
      for (let x = -centre; x < side - centre; x += 1, i += 1) {
        const distance = Math.ceil(Math.sqrt(x * x + y * y + z * z));
        if (voxels[i] > greatest[distance]) greatest[distance] = voxels[i];
      }
  for (let d = greatest.length - 2; d >= 0; d -= 1) greatest[d] = Math.max(greatest[d], greatest[d + 1]);
  return greatest;
}

/** Radius in voxels within which everything at a level (0 to 255) lies. */
export const radiusOf = (volume, level) => volume.reach.findLastIndex((value) => value >= level) + 1.5;

export const PLANES = [
  { name: "xy", right: "x", up: "y", through: "z", axes: [0, 1, 2] },
  { name: "xz", right: "x", up: "z", through: "y", axes: [0, 2, 1] },
  { name: "yz", right: "y", up: "z", through: "x", axes: [1, 2, 0] },
];

/** Colours of a painted map from its least value over the middle to its greatest, as [r, g, b], 0 to 1. */
export const PAINTS = [[0.23, 0.44, 0.85], [0.95, 0.93, 0.88], [0.8, 0.25, 0.16]];

function painted(part, channel) {
  const low = part < 0.5 ? 0 : 1;
  const share = 2 * part - low;
  return (1 - share) * PAINTS[low][channel] + share * PAINTS[low + 1][channel];
}

/**
 * Draw the slice of a plane through a place [x, y, z] (voxels), where the surface of a level cuts it;
 * in the colours of another volume of the same side, where given.
 */
export function drawSlice(canvas, volume, plane, place, level, colour, paint) {
  const { side, voxels, dark, bright } = volume;
  const strides = [1, side, side * side];
  const [right, up, through] = plane.axes.map((axis) => strides[axis]);
  const first = place[plane.axes[2]] * through;
  if (canvas.width !== side) canvas.width = canvas.height = side;
  const context = canvas.getContext("2d");
  const image = context.createImageData(side, side);
  const inside = (u, v) => u >= 0 && v >= 0 && u < side && v < side && voxels[first + u * right + v * up] >= level;
  for (let v = 0; v < side; v += 1) {
    for (let u = 0; u < side; u += 1) {
      const grey = (255 * (voxels[first + u * right + v * up] - dark)) / (bright - dark);
      const edge = inside(u, v) && !(inside(u - 1, v) && inside(u + 1, v) && inside(u, v - 1) && inside(u, v + 1));
      const at = 4 * ((side - 1 - v) * side + u);
      const hue = paint && paint.voxels[first + u * right + v * up] / 255;
      for (let c = 0; c < 3; c += 1) {
        const tint = paint ? painted(hue, c) : 1;
        image.data[at + c] = edge && !paint ? 0.4 * grey + 153 * colour[c] : tint * grey;
      }
      image.data[at + 3] = 255;
    }
  }
  context.putImageData(image, 0, 0);
}
