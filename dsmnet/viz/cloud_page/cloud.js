"use strict";

// The scene: points as whole numbers of x / z, y / z and 1 / z in the frame of the left camera (x right, y down,
// z forward, metres), see page.py.

const element = (id) => document.getElementById(id);
const bytes = (id) => Uint8Array.from(atob(element(id).textContent), (letter) => letter.charCodeAt(0));
const scene = JSON.parse(element("scene").textContent);
const stored = new Uint16Array(bytes("points").buffer);
const colours = { image: bytes("colours"), depth: null };
const canvas = element("view");
const gl = canvas.getContext("webgl", { alpha: false, antialias: false });

const [left, right, upper, lower] = scene.frame;
const NEAREST = 1e-3; // share of the distance to the middle: closer things are cut off
const TURN = 0.006; // radians a pixel
const KEY_TURN = Math.PI / 36;
const KEY_MOVE = 40; // pixels
const GROUND = [22 / 255, 24 / 255, 29 / 255];

// The camera: angles around the middle of the scene, distance as a share of the first one, and a shift in metres.

const start = { yaw: 0, pitch: 0, distance: 1, x: 0, y: 0 };
const pose = { ...start };
let size = Number(element("size").value); // of a point, in distances between neighbours
let colour = "image";

// Half the view in x / z and y / z: the image, widened to the proportions of the window.
function half() {
  const aspect = canvas.width / canvas.height;
  const x = Math.max((right - left) / 2, ((lower - upper) / 2) * aspect);
  return [x, x / aspect];
}

// Rows of the rotation into the frame of the camera, and where it puts the middle of the scene.
function camera() {
  const [cy, sy, cp, sp] = [Math.cos(pose.yaw), Math.sin(pose.yaw), Math.cos(pose.pitch), Math.sin(pose.pitch)];
  const rows = [
    [cy, 0, sy],
    [sp * sy, cp, -sp * cy],
    [-cp * sy, sp, cp * cy],
  ];
  const middle = scene.middle.map((value) => value * pose.distance);
  return { rows, to: [middle[0] + pose.x, middle[1] + pose.y, middle[2]] };
}

function multiply(rows, point) {
  return rows.map((row) => row[0] * point[0] + row[1] * point[1] + row[2] * point[2]);
}

// 4 x 4, column by column, from points of the scene to the clip space of WebGL.
function projection() {
  const { rows, to } = camera();
  const turned = multiply(rows, scene.middle);
  const shift = to.map((value, axis) => value - turned[axis]);
  const [x, y] = half();
  const [centreX, centreY] = [(left + right) / 2, (upper + lower) / 2];
  const near = NEAREST * scene.middle[2];
  const toX = (px, pz) => (px - centreX * pz) / x;
  const toY = (py, pz) => -(py - centreY * pz) / y;
  const columns = [0, 1, 2].map((axis) => [rows[0][axis], rows[1][axis], rows[2][axis]]).concat([shift]);
  return columns.flatMap(([px, py, pz], axis) => [
    toX(px, pz),
    toY(py, pz),
    pz - (axis === 3 ? 2 * near : 0), // the far plane lies at infinity
    pz,
  ]);
}

// Drawing.

const VERTEX = `
attribute vec3 stored;
attribute vec3 colour;
uniform vec3 low, unit;
uniform mat4 projection;
uniform float size, largest;
varying vec3 shade;
void main() {
  vec3 ray = low + unit * stored;
  float z = 1.0 / ray.z;
  gl_Position = projection * vec4(ray.xy * z, z, 1.0);
  gl_PointSize = clamp(size * z / gl_Position.w, 1.0, largest);
  shade = colour;
}`;
const FRAGMENT = `
precision mediump float;
varying vec3 shade;
void main() { gl_FragColor = vec4(shade, 1.0); }`;

let program = null;
const buffers = {};
let wanted = false;

function compile() {
  program = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, VERTEX], [gl.FRAGMENT_SHADER, FRAGMENT]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(program, shader);
  }
  gl.linkProgram(program);
  if (!gl.getProgramParameter(program, gl.LINK_STATUS)) {
    fail("its graphics driver does not take the page's shader");
    return false;
  }
  gl.useProgram(program);
  gl.enable(gl.DEPTH_TEST);
  gl.clearColor(...GROUND, 1);
  gl.uniform3fv(gl.getUniformLocation(program, "low"), scene.low);
  gl.uniform3fv(gl.getUniformLocation(program, "unit"), scene.step);
  gl.uniform1f(gl.getUniformLocation(program, "largest"), gl.getParameter(gl.ALIASED_POINT_SIZE_RANGE)[1]);
  buffers.points = upload(stored);
  for (const name of Object.keys(colours)) delete buffers[name];
  attribute("stored", buffers.points, gl.UNSIGNED_SHORT, false);
  choose(colour);
  return true;
}

function upload(values) {
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
  return buffer;
}

function attribute(name, buffer, kind, normalised) {
  const place = gl.getAttribLocation(program, name);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, 3, kind, normalised, 0, 0);
}

// Colours of depth are even in inverse depth, as those of a disparity map are.
function depthColours() {
  const table = bytes("table");
  const last = table.length / 3 - 1;
  const [far, near] = scene.depths.map((depth) => 1 / depth);
  const result = new Uint8Array(stored.length);
  for (let i = 0; i < stored.length; i += 3) {
    const inverse = scene.low[2] + scene.step[2] * stored[i + 2];
    const level = Math.round(last * Math.min(Math.max((inverse - far) / (near - far), 0), 1));
    result.set(table.subarray(3 * level, 3 * level + 3), i);
  }
  return result;
}

function choose(name) {
  colour = name;
  if (colours[name] === null) colours[name] = depthColours();
  if (buffers[name] === undefined) buffers[name] = upload(colours[name]);
  attribute("colour", buffers[name], gl.UNSIGNED_BYTE, true);
  ask();
}

function draw() {
  wanted = false;
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.max(1, Math.round(side * ratio)));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  gl.viewport(0, 0, width, height);
  gl.uniformMatrix4fv(gl.getUniformLocation(program, "projection"), false, projection());
  gl.uniform1f(gl.getUniformLocation(program, "size"), (size * scene.spacing * width) / (2 * half()[0]));
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.drawArrays(gl.POINTS, 0, stored.length / 3);
}

// Many events, one picture.
function ask() {
  if (wanted || gl === null || gl.isContextLost()) return;
  wanted = true;
  requestAnimationFrame(draw);
}

function fail(reason) {
  element("reason").textContent = reason;
  element("message").hidden = false;
  canvas.hidden = true;
  element("controls").hidden = true;
}

// Moving.

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

// What lies under the pointer: the nearest point within a few pixels, and how far it is from the left camera.

const REACH = 4; // pixels
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

function depthAt(x, y) {
  const m = projection();
  const [width, height] = [canvas.clientWidth, canvas.clientHeight];
  const [wantedX, wantedY] = [(2 * x) / width - 1, 1 - (2 * y) / height];
  const [reachX, reachY] = [(2 * REACH) / width, (2 * REACH) / height];
  let [best, depth] = [Infinity, null];
  for (let i = 0; i < stored.length; i += 3) {
    const z = 1 / (scene.low[2] + scene.step[2] * stored[i + 2]);
    const px = (scene.low[0] + scene.step[0] * stored[i]) * z;
    const py = (scene.low[1] + scene.step[1] * stored[i + 1]) * z;
    const w = m[3] * px + m[7] * py + m[11] * z + m[15];
    if (w <= 0 || w >= best) continue;
    if (Math.abs((m[0] * px + m[4] * py + m[8] * z + m[12]) / w - wantedX) > reachX) continue;
    if (Math.abs((m[1] * px + m[5] * py + m[9] * z + m[13]) / w - wantedY) > reachY) continue;
    [best, depth] = [w, z];
  }
  return depth;
}

// Controls.

for (const choice of document.querySelectorAll("input[name=colour]")) {
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
