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
const raw = await readFile(join(folder, 'templates.f32'));
const templates = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.length));
const width = templates.length / record.people.length;
ort.env.wasm.numThreads = 1;
const network = await ort.InferenceSession.create(await readFile(join(folder, 'embedder.onnx')));

/** RGBA pixels of a crop of the record's size, as Uint8Array, to the person most alike. */
async function name(rgba) {
  const { size } = record.crop;
  const rgb = new Uint8Array(size * size * 3);
  for (let i = 0; i < size * size; i += 1) {
    rgb.set(rgba.subarray(4 * i, 4 * i + 3), 3 * i);
  }
  const crop = new ort.Tensor('uint8', rgb, [1, size, size, 3]);
  const output = await network.run({ [network.inputNames[0]]: crop });
  const embedding = output[network.outputNames[0]].data;
  const length = Math.hypot(...embedding);
  let best = { person: 0, similarity: -1 };
  for (let person = 0; person < record.people.length; person += 1) {
    let similarity = 0;
    for (let k = 0; k < width; k += 1) {
      similarity += (templates[person * width + k] * embedding[k]) / length;
    }
    if (similarity > best.similarity) best = { person, similarity };
  }
  const known = best.similarity >= record.threshold.value;
  return { name: known ? record.people[best.person] : 'unknown', similarity: best.similarity };
}

for (const path of crops) {
  const { data } = PNG.sync.read(await readFile(path));
  const found = await name(data);
  console.log(`${basename(path)}: ${found.name} ${found.similarity.toFixed(2)}`);
}
