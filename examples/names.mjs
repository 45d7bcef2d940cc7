// Names crops of faces with ONNX Runtime Web, in Node; in a browser, take pixels from a canvas.
//
//     npm install onnxruntime-web pngjs
//     python faces.py EXPORT PHOTO... --crops CROPS    (or crop them yourself)
//     node names.mjs EXPORT CROPS/*.png
import { readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import * as ort from 'onnxruntime-web';
import { PNG } from 'pngjs';

const [folder, ...crops] = process.argv.slice(2);
const record = JSON.parse(await readFile(join(folder, 'recognizer.json'), 'utf8'));
const networks = record.networks ?? 0; // that stand together; none: compared by cosine
const templates = await floats('templates.f32');
const comparison = networks ? await floats('comparison.f32') : null;
ort.env.wasm.numThreads = 1;
const network = await ort.InferenceSession.create(await readFile(join(folder, 'embedder.onnx')));

async function floats(name) {
  const raw = await readFile(join(folder, name));
  return new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
}

const dot = (a, b) => a.reduce((sum, value, i) => sum + value * b[i], 0);
const unit = (a) => a.map((value) => value / Math.sqrt(dot(a, a)));
/** A vector (w) times a matrix (w, w) that is given row by row. */
const times = (a, m) => a.map((_, j) => a.reduce((s, v, i) => s + v * m[i * a.length + j], 0));

/** The embedding of a crop, or of its mirror image, from RGBA pixels of the record's size. */
async function embed(rgba, mirrored) {
  const { size } = record.crop;
  const rgb = new Uint8Array(size * size * 3);
  for (let i = 0; i < size * size; i += 1) {
    const from = mirrored ? i - 2 * (i % size) + size - 1 : i;
    rgb.set(rgba.subarray(4 * from, 4 * from + 3), 3 * i);
  }
  const crop = new ort.Tensor('uint8', rgb, [1, size, size, 3]);
  const output = await network.run({ [network.inputNames[0]]: crop });
  return unit([...output[network.outputNames[0]].data]);
}

/** What templates are multiplied with, and where those of the face's kind begin. */
function placed(embedding) {
  if (!networks) return { vector: embedding, start: 0 };
  const w = embedding.length / networks;
  const little = dot(embedding, comparison) + comparison[embedding.length] > 0 ? 1 : 0;
  const vector = [];
  for (let k = 0; k < networks; k += 1) {
    const at = (networks + 1 + (little * networks + k) * (2 * w + 1)) * w;
    const rows = (first, count) => comparison.subarray(at + first * w, at + (first + count) * w);
    const half = unit(embedding.slice(k * w, (k + 1) * w));
    const x = unit(times(half.map((value, i) => value - rows(0, 1)[i]), rows(1, w)));
    const spread = Math.sqrt(Math.max(dot(times(x, rows(w + 1, w)), x), 1e-6));
    vector.push(...x, ...x.map((value) => value / spread), 1);
  }
  return { vector, start: little * record.people.length };
}

/** RGBA pixels of a crop to the person most alike. */
async function name(rgba) {
  const views = [await embed(rgba, false), ...(networks ? [await embed(rgba, true)] : [])];
  const { vector, start } = placed(unit(views[0].map((_, i) => views.reduce((s, v) => s + v[i], 0))));
  const scores = record.people.map((_, person) =>
    dot(vector, templates.subarray((start + person) * vector.length)));
  const similarity = Math.max(...scores);
  const known = similarity >= record.threshold.value;
  return { name: known ? record.people[scores.indexOf(similarity)] : 'unknown', similarity };
}

for (const path of crops) {
  const { data } = PNG.sync.read(await readFile(path));
  const found = await name(data);
  console.log(`${basename(path)}: ${found.name} ${found.similarity.toFixed(2)}`);
}
