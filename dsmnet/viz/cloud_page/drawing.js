"use strict";

// Drawing with WebGL. A point is a rectangle that reaches as far as the next pixels on its surface: in x / z, y / z
// and 1 / z the way there is a straight step, whatever the surface's slant, and the projection is linear in them.

const gl = canvas.getContext("webgl", { alpha: false, antialias: false });
const GROUND = [22 / 255, 24 / 255, 29 / 255];
const slopes = new Int8Array(bytes("slopes").buffer);
const colors = { image: bytes("colors"), depth: null };
let size = Number(element("size").value); // of a point, in distances between neighbours
let color = "image";

const VERTEX = `
attribute vec3 stored;
attribute vec3 color;
attribute vec2 lean;
uniform vec3 low, unit;
uniform mat4 projection;
uniform vec2 half_view; // pixels
uniform float size, spacing, slope, pixel, largest;
varying vec3 shade;
varying vec2 share;
void main() {
  vec3 ray = low + unit * stored;
  gl_Position = projection * vec4(ray.xy, 1.0, ray.z);
  vec4 right = gl_Position + projection * vec4(spacing, 0.0, 0.0, slope * lean.x);
  vec4 below = gl_Position + projection * vec4(0.0, spacing, 0.0, slope * lean.y);
  vec2 here = gl_Position.xy / gl_Position.w;
  vec2 extent = max(abs(right.xy / right.w - here), abs(below.xy / below.w - here)) * half_view;
  if (right.w <= 0.0 || below.w <= 0.0) extent = vec2(0.0);
  extent = clamp(size * min(extent, STRETCH * pixel / gl_Position.w), 1.0, largest);
  gl_PointSize = max(extent.x, extent.y);
  share = extent / gl_PointSize;
  shade = color;
}`.replace("STRETCH", "4.0"); // a surface seen from where it was edge-on has gaps
const FRAGMENT = `
precision mediump float;
varying vec3 shade;
varying vec2 share;
void main() {
  if (any(greaterThan(abs(2.0 * gl_PointCoord - 1.0), share))) discard;
  gl_FragColor = vec4(shade, 1.0);
}`;

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
  gl.uniform3fv(uniform("low"), scene.low);
  gl.uniform3fv(uniform("unit"), scene.step);
  gl.uniform1f(uniform("spacing"), scene.spacing);
  gl.uniform1f(uniform("slope"), scene.slope);
  gl.uniform1f(uniform("largest"), gl.getParameter(gl.ALIASED_POINT_SIZE_RANGE)[1]);
  buffers.points = upload(stored);
  for (const name of Object.keys(colors)) delete buffers[name];
  attribute("stored", buffers.points, 3, gl.UNSIGNED_SHORT, false);
  attribute("lean", upload(slopes), 2, gl.BYTE, false);
  choose(color);
  return true;
}

function uniform(name) {
  return gl.getUniformLocation(program, name);
}

function upload(values) {
  const buffer = gl.createBuffer();
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
  return buffer;
}

function attribute(name, buffer, count, kind, normalised) {
  const place = gl.getAttribLocation(program, name);
  gl.bindBuffer(gl.ARRAY_BUFFER, buffer);
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, count, kind, normalised, 0, 0);
}

// Colors of depth are even in inverse depth, as those of a disparity map are.
function depthColors() {
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
  color = name;
  if (colors[name] === null) colors[name] = depthColors();
  if (buffers[name] === undefined) buffers[name] = upload(colors[name]);
  attribute("color", buffers[name], 3, gl.UNSIGNED_BYTE, true);
  ask();
}

function draw() {
  wanted = false;
  const ratio = Math.min(window.devicePixelRatio || 1, 2);
  const [width, height] = [canvas.clientWidth, canvas.clientHeight].map((side) => Math.max(1, Math.round(side * ratio)));
  if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, { width, height });
  gl.viewport(0, 0, width, height);
  gl.uniformMatrix4fv(uniform("projection"), false, projection());
  gl.uniform2f(uniform("half_view"), width / 2, height / 2);
  gl.uniform1f(uniform("size"), size);
  gl.uniform1f(uniform("pixel"), (scene.spacing * width) / (2 * half()[0]));
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
