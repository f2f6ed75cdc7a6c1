"use strict";

// The scene and its camera. Points are whole numbers of x / z, y / z and 1 / z in the frame of the left camera
// (x right, y down, z forward, metres), see page.py.

const element = (id) => document.getElementById(id);
const bytes = (id) => Uint8Array.from(atob(element(id).textContent), (letter) => letter.charCodeAt(0));
const scene = JSON.parse(element("scene").textContent);
const stored = new Uint16Array(bytes("points").buffer);
const canvas = element("view");

const [left, right, upper, lower] = scene.frame;
const NEAREST = 1e-3; // share of the distance to the middle: closer things are cut off
const REACH = 4; // pixels

// The camera: angles around the middle of the scene, distance as a share of the first one, and a shift in metres.

const start = { yaw: 0, pitch: 0, distance: 1, x: 0, y: 0 };
const pose = { ...start };

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

// Depth of the nearest point within a few pixels of a place on the canvas: metres from the left camera.
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
