// Turning what is seen: rotations, and mouse, touch and keyboard that make them.

const KEY_DEGREES = 10;
const PIXEL_DEGREES = 0.6;
const UNTURNED = [1, 0, 0, 0, 1, 0, 0, 0, 1];

/** Right-handed rotation about an axis of the screen (0: x right, 1: y up, 2: z towards us), by rows. */
function about(axis, degrees) {
  const [c, s] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  if (axis === 0) return [1, 0, 0, 0, c, -s, 0, s, c];
  if (axis === 1) return [c, 0, s, 0, 1, 0, -s, 0, c];
  return [c, -s, 0, s, c, 0, 0, 0, 1];
}

const product = (a, b) => a.map((_, i) => [0, 1, 2].reduce((sum, k) => sum + a[i - (i % 3) + k] * b[3 * k + (i % 3)], 0));

/** How all surfaces of a page are seen: they turn together. changed(moving) is called after each change. */
export class View {
  constructor(changed) {
    this.changed = changed;
    this.reset();
  }

  reset() {
    this.turn = UNTURNED;
    this.zoom = 1;
    this.changed(false);
  }

  rotate(axis, degrees, moving = false) {
    this.turn = product(about(axis, degrees), this.turn);
    this.changed(moving);
  }

  magnify(factor, moving = false) {
    this.zoom = Math.min(8, Math.max(0.5, this.zoom * factor));
    this.changed(moving);
  }
}

const KEYS = {
  ArrowLeft: (view, step) => view.rotate(1, -step),
  ArrowRight: (view, step) => view.rotate(1, step),
  ArrowUp: (view, step) => view.rotate(0, -step),
  ArrowDown: (view, step) => view.rotate(0, step),
  ",": (view, step) => view.rotate(2, step),
  ".": (view, step) => view.rotate(2, -step),
  "+": (view) => view.magnify(1.25),
  "=": (view) => view.magnify(1.25),
  "-": (view) => view.magnify(0.8),
  0: (view) => view.reset(),
};

/** Let a canvas turn and magnify a view: by dragging, two fingers, the wheel, and keys. */
export function follow(canvas, view) {
  const fingers = new Map();
  const spread = () => {
    const [a, b] = [...fingers.values()];
    return Math.hypot(a.x - b.x, a.y - b.y);
  };
  canvas.addEventListener("pointerdown", (event) => {
    canvas.setPointerCapture(event.pointerId);
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
  });
  canvas.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId);
    if (!before) return;
    const apart = fingers.size === 2 ? spread() : 0;
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (apart) {
      view.magnify(spread() / apart, true);
      return;
    }
    view.rotate(1, PIXEL_DEGREES * (event.clientX - before.x), true);
    view.rotate(0, PIXEL_DEGREES * (event.clientY - before.y), true);
  });
  for (const end of ["pointerup", "pointercancel"]) {
    canvas.addEventListener(end, (event) => {
      if (fingers.delete(event.pointerId)) view.changed(false);
    });
  }
  // Without the focus the wheel scrolls the page, which is taller than most windows.
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas) return;
    event.preventDefault();
    view.magnify(Math.exp(-0.0015 * event.deltaY), false);
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const act = KEYS[event.key];
    if (!act || event.ctrlKey || event.metaKey || event.altKey) return;
    event.preventDefault();
    act(view, event.shiftKey ? 90 : KEY_DEGREES);
  });
}
