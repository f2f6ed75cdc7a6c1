"use strict";

// Hands: mouse, fingers, keys, buttons.

const TURN = 0.006; // radians a pixel
const KEY_TURN = Math.PI / 36;
const KEY_MOVE = 40; // pixels

function turn(x, y) {
  const steepest = Math.PI / 2;
  pose.yaw = ((pose.yaw - x + 3 * Math.PI) % (2 * Math.PI)) - Math.PI;
  pose.pitch = Math.min(Math.max(pose.pitch + y, -steepest), steepest);
  ask();
}

function move(x, y) {
  const metres = (2 * half()[0] * camera().to[2]) / canvas.clientWidth; // of a pixel, as far away as the middle
  pose.x += x * metres;
  pose.y += y * metres;
  ask();
}

function zoom(factor) {
  pose.distance = Math.min(Math.max(pose.distance / factor, 0.02), 50);
  ask();
}

function reset() {
  Object.assign(pose, start);
  ask();
}

const held = new Map(); // pointers that are down, and where

function spread() {
  const [a, b] = [...held.values()];
  return { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2, distance: Math.hypot(a.x - b.x, a.y - b.y) };
}

canvas.addEventListener("pointerdown", (event) => {
  canvas.setPointerCapture(event.pointerId);
  canvas.classList.add("held");
  element("reading").hidden = true;
  held.set(event.pointerId, { x: event.clientX, y: event.clientY });
});
canvas.addEventListener("pointermove", (event) => {
  const before = held.get(event.pointerId);
  if (before === undefined) {
    read(event.offsetX, event.offsetY);
    return;
  }
  const now = { x: event.clientX, y: event.clientY };
  if (held.size === 2) {
    const from = spread();
    held.set(event.pointerId, now);
    const to = spread();
    move(to.x - from.x, to.y - from.y);
    if (from.distance > 0 && to.distance > 0) zoom(to.distance / from.distance);
    return;
  }
  held.set(event.pointerId, now);
  if (held.size > 2) return;
  const [x, y] = [now.x - before.x, now.y - before.y];
  if (event.shiftKey || event.ctrlKey || event.buttons > 1) move(x, y);
  else turn(TURN * x, TURN * y);
});
for (const kind of ["pointerup", "pointercancel", "lostpointercapture"]) {
  canvas.addEventListener(kind, (event) => {
    held.delete(event.pointerId);
    if (held.size === 0) canvas.classList.remove("held");
  });
}
canvas.addEventListener("pointerleave", () => { element("reading").hidden = true; });
canvas.addEventListener("contextmenu", (event) => event.preventDefault());
canvas.addEventListener("dblclick", reset);
canvas.addEventListener("wheel", (event) => {
  event.preventDefault();
  const pixels = event.deltaY * [1, 16, 400][event.deltaMode];
  zoom(Math.exp(-0.0015 * Math.min(Math.max(pixels, -400), 400)));
}, { passive: false });

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };
document.addEventListener("keydown", (event) => {
  if (event.target.tagName === "INPUT" || event.ctrlKey || event.metaKey || event.altKey) return;
  const way = KEYS[event.key];
  if (way !== undefined) {
    if (event.shiftKey) move(KEY_MOVE * way[0], KEY_MOVE * way[1]);
    else turn(KEY_TURN * way[0], KEY_TURN * way[1]);
  } else if (event.key === "+" || event.key === "=") zoom(1.15);
  else if (event.key === "-") zoom(1 / 1.15);
  else if (event.key === "r" || event.key === "R" || event.key === "Home") reset();
  else return;
  event.preventDefault();
});

// What lies under the pointer.

let place = null;

function read(x, y) {
  const waiting = place !== null;
  place = [x, y];
  if (!waiting) requestAnimationFrame(() => {
    const depth = depthAt(...place);
    place = null;
    element("reading").hidden = depth === null;
    if (depth !== null) element("reading").textContent = `depth ${depth.toFixed(depth < 10 ? 3 : 2)} m`;
  });
}

// Controls.

for (const choice of document.querySelectorAll("input[name=color]")) {
  choice.addEventListener("change", () => choose(choice.value));
}
element("size").addEventListener("input", (event) => {
  size = Number(event.target.value);
  ask();
});
element("reset").addEventListener("click", reset);
for (const tick of document.querySelectorAll("#scale li")) tick.style.left = `${100 * tick.dataset.place}%`;

if (gl === null) fail("it has no WebGL");
else if (compile()) {
  element("controls").hidden = false;
  new ResizeObserver(ask).observe(canvas);
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", compile);
}
