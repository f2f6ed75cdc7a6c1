"use strict";

// Drawing with WebGL.

const gl = canvas.getContext("webgl", { alpha: false, antialias: false });
const GROUND = [22 / 255, 24 / 255, 29 / 255];
const colours = { image: bytes("colours"), depth: null };
let size = Number(element("size").value); // of a point, in distances between neighbours
let colour = "image";

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
