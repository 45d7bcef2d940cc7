"use strict";
/* What the screens of knownface can do beyond links and forms, all of which work without it. */
document.documentElement.classList.add("script");
const $ = (selector, within = document) => within.querySelector(selector);
const main = $("main");
const RETRY = 2000, LOOK = 4000;  // milliseconds between attempts, and between looks for changes
const PATIENCE = 90_000;  // milliseconds for an answer: the server itself gives up before

// ------------------------------------------------------------ saying
const spoken = [];
function say(text) {  // politely, one after the other: a screen reader must not miss any
  spoken.push(text);
  if (spoken.length === 1) speak();
}
function speak() {
  $("#said").textContent = spoken[0];
  setTimeout(() => { spoken.shift(); if (spoken.length) speak(); }, 600);
}

function element(tag, properties = {}, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}
const parsed = (html) => new DOMParser().parseFromString(html, "text/html");

// ------------------------------------------------------------ asking the server
const channel = "BroadcastChannel" in window ? new BroadcastChannel("knownface") : null;
let away = false;
const waiting = new Set();  // what to do again when the server is back

class Refused extends Error {}
class Offline extends Error {}

async function ask(address, options = {}) {
  let reply;
  try {
    reply = await fetch(address, { signal: AbortSignal.timeout(PATIENCE), ...options, headers: { "X-From-Script": "1", ...options.headers } });
  } catch {
    gone();
    throw new Offline();
  }
  if (reply.status === 401) location.assign("/login?to=" + encodeURIComponent(location.pathname));
  if (reply.status === 429 || reply.status === 503) {
    await new Promise((done) => setTimeout(done, 1000 * (Number(reply.headers.get("Retry-After")) || 1)));
    return ask(address, options);
  }
  if (!reply.ok && !(reply.headers.get("Content-Type") || "").startsWith("text/html")) {
    const problem = await reply.json().catch(() => ({}));
    throw new Refused(typeof problem.detail === "string" ? problem.detail : "That was not possible. Check what you typed.");
  }
  if (options.method === "POST" && reply.ok) channel?.postMessage("changed");
  return reply;
}

function gone() {
  if (away) return;
  away = true;
  const bar = $("#offline");
  bar.replaceChildren(element("p", {}, element("strong", { textContent: "knownface does not answer." }),
    " Nothing is lost: what you typed and chose stays here, and photos are looked at when it is back."));
  bar.hidden = false;
  const again = setInterval(async () => {
    try { await fetch("/changed", { cache: "no-store" }); } catch { return; }
    clearInterval(again);
    away = false;
    bar.hidden = true;
    say("knownface is back.");
    for (const each of [...waiting]) { waiting.delete(each); each(); }
  }, RETRY);
}

// ------------------------------------------------------------ forms
document.addEventListener("submit", async (event) => {
  const form = event.target, button = event.submitter;
  if (event.defaultPrevented || form.method !== "post" || "whole" in form.dataset) return;
  event.preventDefault();
  const body = new FormData(form, button);
  const address = button?.getAttribute("formaction") || form.getAttribute("action") || location.href;
  if (form.id === "look") return look([...$("#photos").files]);
  form.setAttribute("aria-busy", "true");
  try {
    const multipart = form.enctype === "multipart/form-data";
    const reply = await ask(address, { method: "POST", body: multipart ? body : new URLSearchParams(body) });
    const card = form.closest(".face");
    if (card) await inPlace(card, form, reply);
    else leave((await reply.json()).location);
  } catch (error) {
    if (error instanceof Offline) return;
    complain(form, error instanceof Refused ? error.message : "That did not work. Reload the page and try again.");
  } finally {
    form.removeAttribute("aria-busy");
  }
});

function leave(to) {
  const there = new URL(to, location.href);
  if (there.pathname + there.search === location.pathname + location.search) location.reload();
  else location.assign(there);
}

function complain(form, text) {
  form.parentElement.querySelectorAll(".complaint").forEach((each) => each.remove());
  const said = element("p", { className: "notice problem complaint", textContent: text });
  said.setAttribute("role", "alert");
  form.before(said);
}

if (location.hash === "#notice") $("#notice")?.focus();

// ------------------------------------------------------------ correcting a face
const asked = new WeakMap();  // what stood in a card before it was corrected

async function inPlace(card, form, reply) {
  const part = parsed(await reply.text());
  if (!reply.ok) return complain(form, part.body.textContent.trim());
  const before = $(".answer", card), label = before.dataset.label;
  card.querySelectorAll(".complaint").forEach((each) => each.remove());
  if (form.classList.contains("undo")) {
    const old = asked.get(card);
    before.replaceWith(old.node);
    shown(card, old.label, old.tag);
    say("Undone. " + old.label);
  } else {
    const now = part.querySelector(".answer");
    now.dataset.label = label;
    asked.set(card, { node: before, label: card.getAttribute("aria-label"), tag: tag(card)?.textContent });
    before.replaceWith(now);
    shown(card, `${label}: ${now.dataset.answer}, you said so`, now.dataset.answer);
    say(now.dataset.said);
  }
  card.focus({ preventScroll: true });
  refreshNames();
}

const box = (card) => $(`.boxes [data-token="${card.dataset.token}"]`);
const tag = (card) => $(".tag", box(card));

function shown(card, label, name) {
  card.setAttribute("aria-label", label);
  if (tag(card)) tag(card).textContent = name;
}

async function refreshNames() {
  const list = $("#names");
  if (!list) return;
  const page = parsed(await (await ask(location.pathname)).text());
  list.replaceChildren(...$("#names", page).children);
}

document.addEventListener("keydown", (event) => {
  const card = event.target.closest?.(".face");
  if (!card || event.ctrlKey || event.altKey || event.metaKey) return;
  if (event.key === "Escape") return card.focus();
  if (event.target !== card) return;
  const step = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  const key = event.key.toLowerCase();
  const target = key === "u" ? $(".undo button", card) : $(`[data-key="${CSS.escape(key)}"]`, card);
  if (step) {
    const cards = [...document.querySelectorAll(".face")];
    cards[cards.indexOf(card) + step]?.focus();
  } else if (target?.tagName === "INPUT") target.focus();
  else if (target) target.click();
  else return;
  event.preventDefault();
});

function point(token, on) {
  for (const each of document.querySelectorAll(`[data-token="${CSS.escape(token)}"]`)) each.classList.toggle("current", on);
}
for (const [kind, on] of [["pointerover", true], ["pointerout", false], ["focusin", true], ["focusout", false]]) {
  main.addEventListener(kind, (event) => {
    const at = event.target.closest?.("[data-token]");
    if (at) point(at.dataset.token, on);
  });
}
main.addEventListener("click", (event) => {
  const drawn = event.target.closest?.(".boxes [data-token]");
  if (drawn) $(`#face-${CSS.escape(drawn.dataset.token)}`).focus();
});

// ------------------------------------------------------------ looking at photos
const form = $("#look"), seen = $("#photos-seen");
const queue = [];
let busy = false;

function look(files) {
  const photos = files.filter((each) => each.size);
  if (!photos.length) return;
  form.classList.add("small");
  document.querySelector(".empty")?.remove();
  const jobs = photos.map((file) => {
    const picture = element("img", { src: URL.createObjectURL(file), alt: "" });
    picture.addEventListener("error", () => picture.remove());
    const text = element("p", { textContent: `Looking at ${file.name} …` });
    return { file, text, place: element("div", { className: "waiting" }, picture, text) };
  });
  seen.prepend(...jobs.map((job) => job.place));
  queue.push(...jobs);
  say(photos.length > 1 ? `Looking at ${photos.length} photos.` : `Looking at ${photos[0].name}.`);
  next();
}

async function next() {
  if (busy || !queue.length) return;
  busy = true;
  const job = queue[0];
  try {
    const body = new FormData();
    body.append("photo", job.file, job.file.name);
    const part = parsed(await (await ask("/", { method: "POST", body })).text());
    done(job, [...part.body.children]);
  } catch (error) {
    if (error instanceof Offline) {
      job.text.textContent = `${job.file.name} waits until knownface is back.`;
      waiting.add(next);
      busy = false;
      return;
    }
    const heading = element("h2", { textContent: job.file.name }), why = element("p", { textContent: error.message });
    done(job, [element("article", { className: "photo problem" }, element("header", {}, heading, why))]);
  }
  busy = false;
  next();
}

function done(job, parts) {
  queue.shift();
  URL.revokeObjectURL($("img", job.place)?.src);
  job.place.replaceWith(...parts);
  say(parts[0].dataset.summary || parts[0].textContent);
}

if (form) {
  const input = $("#photos");
  input.addEventListener("change", () => { look([...input.files]); input.value = ""; });
  document.addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files || [])];
    if (!files.length) return;
    event.preventDefault();
    look(files.map((file, i) => new File([file], file.name === "image.png" ? `Pasted photo${files.length > 1 ? " " + (i + 1) : ""}` : file.name, { type: file.type })));
  });
  document.addEventListener("dragover", (event) => { event.preventDefault(); form.classList.add("over"); });
  document.addEventListener("dragleave", (event) => { if (!event.relatedTarget) form.classList.remove("over"); });
  document.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    look([...event.dataTransfer.files]);
  });
  window.addEventListener("beforeunload", (event) => { if (queue.length) event.preventDefault(); });
}

// ------------------------------------------------------------ camera
const finder = $("#viewfinder"), film = finder && $("video", finder);

async function openCamera() {
  try {
    if (!navigator.mediaDevices) throw new Error();
    film.srcObject = await navigator.mediaDevices.getUserMedia({ video: { width: { ideal: 1920 }, facingMode: { ideal: "environment" } } });
  } catch (error) {
    const why = { NotAllowedError: "The browser does not let this page use the camera. Allow it beside the address.",
      NotFoundError: "No camera was found." }[error.name] || "The camera can be used only on this computer itself, or over https.";
    return complain(form, why);
  }
  finder.hidden = false;
  await film.play();
  $("#shoot").focus();
  say("The camera is on.");
}

function closeCamera() {
  film.srcObject?.getTracks().forEach((track) => track.stop());
  film.srcObject = null;
  finder.hidden = true;
  $("#camera").focus();
  say("The camera is off.");
}

function shoot() {
  const still = element("canvas", { width: film.videoWidth, height: film.videoHeight });
  still.getContext("2d").drawImage(film, 0, 0);
  const time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  still.toBlob((blob) => look([new File([blob], `Camera at ${time}`, { type: "image/jpeg" })]), "image/jpeg", 0.92);
}

$("#camera")?.addEventListener("click", openCamera);
$("#close")?.addEventListener("click", closeCamera);
$("#shoot")?.addEventListener("click", shoot);
finder?.addEventListener("keydown", (event) => { if (event.key === "Escape") closeCamera(); });

// ------------------------------------------------------------ finding somebody
const wanted = $("#q"), people = $("#people");
if (wanted && people) {
  wanted.addEventListener("input", () => {
    let count = 0;
    for (const each of people.children) {
      each.hidden = !each.dataset.name.toLowerCase().includes(wanted.value.trim().toLowerCase());
      count += !each.hidden;
    }
    $("#found").textContent = count === 1 ? "1 person" : `${count} people`;
  });
}

// ------------------------------------------------------------ what changes elsewhere
let refresh = null;  // how a screen of its own script shows what was changed elsewhere

async function lookForChanges() {
  if (document.hidden || away || !("number" in document.body.dataset)) return;
  let reply;
  try {
    reply = await (await ask("/changed")).json();
  } catch { return; }
  if (String(reply.number) === document.body.dataset.number) return;
  document.body.dataset.number = reply.number;
  if (form) return refreshNames();
  if (refresh) return refresh();
  if (inUse()) return offer();
  swap();
}

function inUse() {  // never take a page away under somebody's hands
  const typed = [...main.querySelectorAll("input:not([type=hidden], [type=checkbox]), select")];
  return main.contains(document.activeElement) || $("details[open], :checked:not(option)", main) || typed.some((each) => each.value !== (each.defaultValue ?? "") && each.type !== "search");
}

function offer() {
  const button = element("button", { type: "button", textContent: "Show it" });
  button.addEventListener("click", () => location.reload());
  $("#changed").replaceChildren(element("p", { textContent: "Something was changed elsewhere." }), button);
  $("#changed").hidden = false;
}

async function swap() {
  const page = parsed(await (await ask(location.pathname + location.search.replace(/[?&]done=[^&]*/, ""))).text());
  main.replaceChildren(...$("main", page).children);
  $(".top nav")?.replaceWith($(".top nav", page));
  document.title = page.title;
  say("This page was changed elsewhere, and is up to date again.");
}

if ("number" in document.body.dataset) {
  setInterval(lookForChanges, LOOK);
  channel?.addEventListener("message", lookForChanges);
  document.addEventListener("visibilitychange", lookForChanges);
}
