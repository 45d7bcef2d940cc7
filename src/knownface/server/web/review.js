"use strict";
/* Looking through people without a name, by the keyboard alone: each group, or each two, is an item. */
const review = $("#review");
const source = new WeakMap();  // what the server sent for an item, before anybody typed in it
const TOAST = 8000;  // milliseconds
const NAMED = ".naming [name=name]";
let current = null;  // the item that keys are for
let queue_ = Promise.resolve();  // changes, one after the other

const items = () => [...document.querySelectorAll("#items article")];
const here = () => location.pathname + location.search.replace(/[?&]done=[^&]*/, "");
const itemOf = (node) => node.closest?.("#items article");

function note_(list) {
  for (const each of list?.children || []) source.set(each, each.outerHTML);
}

// ------------------------------------------------------------ which item is meant
function choose(item, focus = true) {  // focus "still": without scrolling there
  if (!item) return;
  current?.classList.remove("current");
  current = item;
  item.classList.add("current");
  if (focus) item.focus({ preventScroll: true });
  if (focus !== "still") item.scrollIntoView({ block: "nearest" });
}

async function step(by, from = current) {
  const all = items().filter((each) => each === from || !each.classList.contains("busy"));
  const next = all[all.indexOf(from) + by];
  if (next) return choose(next);
  const link = $(by > 0 ? "[rel=next]" : "[rel=prev]");
  if (link && all.length) await go(link.href, by > 0 ? "first" : "last");
}

function beside(all, from, key) {  // the one that an arrow leads to, wherever lines break
  const by = { ArrowLeft: -1, ArrowRight: 1 }[key];
  if (by) return all[all.indexOf(from) + by];
  const place = (each) => each.getBoundingClientRect(), at = place(from);
  const down = key === "ArrowDown" ? 1 : -1;
  const far = (each) => down * (place(each).top - at.top);
  const beyond = all.filter((each) => far(each) > at.height / 2);
  const row = Math.min(...beyond.map(far));
  const across = (each) => Math.abs(place(each).left - at.left);
  return beyond.filter((each) => far(each) < row + 4).sort((one, other) => across(one) - across(other))[0];
}

// ------------------------------------------------------------ what the server says now
async function load(address) {
  return parsed(await (await ask(address)).text());
}

async function go(address, at = "same") {
  const page = await load(address);
  history.replaceState(null, "", address);
  show(page, at);
  if (at !== "same") window.scrollTo(0, at === "first" ? 0 : document.body.scrollHeight);
}

function show(page, wanted = "same") {
  const next = $("#review", page), list = $("#items"), fresh = $("#items", next);
  const before = items(), at = Math.max(0, before.indexOf(current)), had = new Set(before.map((each) => each.id));
  document.body.dataset.number = page.body.dataset.number;
  $(".top nav")?.replaceWith($(".top nav", page));
  $("h1").textContent = $("h1", page).textContent;
  document.title = page.title;
  for (const name of ["undo", "tab"]) review.dataset[name] = next.dataset[name] ?? "";
  note_(fresh);
  if (list && fresh) {
    renew(list, fresh);
    for (const each of [...review.children]) if (each !== list) each.remove();
    const rest = [...next.children], split = rest.indexOf(fresh);
    list.className = fresh.className;
    list.before(...rest.slice(0, split));
    list.after(...rest.slice(split + 1));
  } else review.replaceChildren(...next.children);
  const focused = document.activeElement === document.body || itemOf(document.activeElement);
  const now = items(), still = now.find((each) => each.id === current?.id);
  const back = wanted === "undone" && now.find((each) => !had.has(each.id));
  const meant = { first: now[0], last: now.at(-1) }[wanted] || back || now.find((each) => each.id === wanted);
  if (meant && !inUse_(document.activeElement)) choose(meant, focused);
  else if (still !== current || !still) choose(still || now[Math.min(at, now.length - 1)], focused);
  if (!now.length && focused) main.focus();
}

// Nothing is taken away under somebody's hands: not a name that is half written, nor an open panel.
const inUse_ = (node) => Boolean(node?.matches(NAMED) || node?.closest("[data-panel]"));

function renew(list, fresh) {  // items that did not change stay as they are, with what is typed in them
  const old = new Map([...list.children].map((each) => [each.firstElementChild.id, each]));
  const wanted = [...fresh.children].map((each) => {
    const there = old.get(each.firstElementChild.id);
    const same = there && source.get(there) === source.get(each);
    return there && (same || $(".busy", there) || inUse_($(":focus", there))) ? there : each;
  });
  for (const each of [...list.children]) if (!wanted.includes(each)) each.remove();
  let place = list.firstElementChild;
  for (const each of wanted) {
    if (each === place) place = place.nextElementSibling;
    else list.insertBefore(each, place);
  }
}

// ------------------------------------------------------------ changing
function change(address, body, item, wanted = "same") {
  item?.classList.add("busy");
  queue_ = queue_.then(async () => {
    try {
      const values = typeof body === "function" ? body() : body;
      const { location: to } = await (await ask(address, { method: "POST", body: new URLSearchParams(values) })).json();
      const done = new URL(to, location.href).searchParams.get("done");
      const page = await load(here() + (here().includes("?") ? "&" : "?") + "done=" + done);
      item?.classList.remove("busy");
      show(page, wanted);
      tell($("#notice strong", page)?.textContent || "Done.", Boolean($("#notice .undo", page)));
    } catch (error) {
      item?.classList.remove("busy");
      if (error instanceof Offline) return;
      const text = error instanceof Refused ? error.message : "That did not work. Reload the page and try again.";
      if (!item) return tell(text, false);
      complain(item.lastElementChild, text);
      if (!inUse_(document.activeElement)) choose(item);
    }
  });
}

function undo() {
  const known = () => review.dataset.undo || refuse("There is nothing to undo.");
  change("/undo", () => ({ change: known(), back: here() }), null, "undone");
}
function refuse(text) { throw new Refused(text); }

let hiding;
function tell(text, undoes) {
  const toast = $("#toast");
  $("p", toast).textContent = text;
  $("button", toast).hidden = !undoes;
  toast.hidden = false;
  clearTimeout(hiding);
  hiding = setTimeout(() => { toast.hidden = true; }, TOAST);
  say(text);
}

review?.addEventListener("submit", (event) => {
  const form = event.target, item = itemOf(form);
  if (!item || form.method !== "post") return;
  event.preventDefault();
  const body = new FormData(form, event.submitter), split = form.matches("[data-panel=split]");
  body.set("back", here());
  if (split && !body.has("face")) return say("Choose faces with Space first.");
  item.querySelectorAll(".complaint").forEach((each) => each.remove());
  forget();
  change(form.getAttribute("action"), body, item, split ? item.id : "same");
  const stays = items().filter((each) => !each.classList.contains("busy"));
  if (split || !stays.length) choose(item);
  else choose(items().slice(items().indexOf(item)).find((each) => stays.includes(each)) || stays.at(-1));
});

// ------------------------------------------------------------ taking apart, and merging
async function open(item, which) {
  close(item);
  let panel;
  try {
    panel = $("#" + which, await load($(`[data-key="${which[0]}"]`, item).pathname));
  } catch (error) {
    return error instanceof Offline ? undefined : complain(item.lastElementChild, error.message);
  }
  if (!panel) return say("There is nobody to merge with.");
  panel.removeAttribute("id");
  panel.dataset.panel = which;
  item.append(panel);
  $("input[type=checkbox], button[name]", panel).focus();
  panel.scrollIntoView({ block: "nearest" });
}

function close(item) {
  const panel = $(".panel", item);
  if (!panel) return;
  panel.remove();
  choose(item);
}

review?.addEventListener("click", (event) => {
  const item = itemOf(event.target), pressed = event.target.closest("[data-key], [data-close], [data-undo-last], .more");
  if (item && !pressed && !event.target.closest("a, button, input, label")) choose(item);
  if (!item || !pressed || event.ctrlKey || event.metaKey || event.shiftKey) return;
  const which = { m: "merge", s: "split" }[pressed.dataset.key] || (pressed.matches(".more") && $('[data-key="s"]', item) && "split");
  if (which) {
    event.preventDefault();
    choose(item);
    open(item, which);
  } else if ("close" in pressed.dataset) close(item);
  else if (pressed.dataset.key === " ") step(1, item);
});
$("#toast button")?.addEventListener("click", undo);

// ------------------------------------------------------------ names
const names = () => [...document.querySelectorAll("#names option")].map((each) => each.value);

function suggest(input) {
  const asked = input.value.trim().toLowerCase(), like = input.dataset.like;
  const known = names();
  const begin = known.filter((each) => each.toLowerCase().startsWith(asked));
  const within = known.filter((each) => !begin.includes(each) && each.toLowerCase().split(/\s+/).some((word) => word.startsWith(asked)));
  const found = asked ? [...begin, ...within].slice(0, 6) : [like].filter(Boolean);
  forget();
  if (!found.length || found[0] === input.value) return;
  const list = element("ul", { id: "suggested" });
  list.setAttribute("role", "listbox");
  list.setAttribute("aria-label", "Names that are known");
  found.forEach((name, i) => {
    const option = element("li", { id: "suggested-" + i, textContent: name });
    option.setAttribute("role", "option");
    option.setAttribute("aria-selected", "false");
    if (!i) option.append(element("kbd", { textContent: "Tab" }));
    option.addEventListener("pointerdown", (event) => { event.preventDefault(); input.value = name; input.form.requestSubmit(); });
    list.append(option);
  });
  input.form.append(list);
  input.setAttribute("aria-expanded", "true");
}

function forget() {
  const list = $("#suggested"), input = list && $("[role=combobox]", list.parentElement);
  input?.setAttribute("aria-expanded", "false");
  input?.removeAttribute("aria-activedescendant");
  list?.remove();
}

const option = () => $("#suggested [aria-selected=true]") || $("#suggested li");
const nameOf = (each) => each.firstChild.data;

function move(input, by) {
  const all = [...document.querySelectorAll("#suggested li")];
  const at = all.findIndex((each) => each.getAttribute("aria-selected") === "true");
  const next = all[(at < 0 ? (by > 0 ? 0 : all.length - 1) : at + by + all.length) % all.length];
  for (const each of all) each.setAttribute("aria-selected", String(each === next));
  input.setAttribute("aria-activedescendant", next.id);
}

function inName(event, input) {
  const list = $("#suggested");
  if (event.key === "Escape") {
    input.value = "";
    forget();
    choose(itemOf(input));
  } else if (event.key === "Tab" && !event.shiftKey && list && option()) {
    input.value = nameOf(option());
    forget();
  } else if (event.key.startsWith("Arrow") && /Up|Down/.test(event.key) && list) move(input, event.key === "ArrowDown" ? 1 : -1);
  else {
    const chosen = event.key === "Enter" && $("#suggested [aria-selected=true]");
    if (chosen) input.value = nameOf(chosen);
    return;
  }
  event.preventDefault();
}

review?.addEventListener("input", (event) => { if (event.target.matches(NAMED)) suggest(event.target); });
review?.addEventListener("focusin", (event) => {
  const item = itemOf(event.target), input = event.target;
  if (item && item !== current) choose(item, false);
  if (!input.matches(NAMED) || !item) return;
  input.removeAttribute("list");  // a list of our own has keys
  for (const [name, value] of [["role", "combobox"], ["aria-autocomplete", "list"], ["aria-controls", "suggested"], ["aria-expanded", "false"]]) input.setAttribute(name, value);
  suggest(input);
});
review?.addEventListener("focusout", (event) => { if (event.target.matches(NAMED)) forget(); });

// ------------------------------------------------------------ keys
function inPanel(event, panel) {
  const all = [...panel.querySelectorAll("input[type=checkbox], button[name]")];
  const digit = $(`[data-digit="${CSS.escape(event.key)}"]`, panel);
  if (event.key === "Escape") close(itemOf(panel));
  else if (event.key.startsWith("Arrow") && all.includes(event.target)) beside(all, event.target, event.key)?.focus();
  else if (event.key === "Enter" && event.target.matches("input")) panel.requestSubmit();
  else if (digit) digit.click();
  else return;
  event.preventDefault();
}

function onItem(event, item) {
  const key = event.key, list = $("#items"), arrow = key.startsWith("Arrow");
  const by = { j: 1, ArrowDown: 1, ArrowRight: 1, k: -1, ArrowUp: -1, ArrowLeft: -1 }[key];
  const pressed = $(`[data-key="${CSS.escape(key)}"]`, item), input = $(NAMED, item);
  const beyond = arrow && list.matches(".once") && beside(items(), item, key);
  if (beyond) choose(beyond);
  else if (by) step(by, item);
  else if (key === "Home" || key === "End") choose(items().at(key === "Home" ? 0 : -1));
  else if (key === "u") undo();
  else if (pressed) pressed.click();
  else if (key === "Enter" && input) input.focus();
  else {
    if (input && key.length === 1 && key !== " " && key !== "?") input.focus();  // which takes the letter
    return;
  }
  event.preventDefault();
}

document.addEventListener("keydown", (event) => {
  const target = event.target, free = target === document.body || target === main;
  if (!review || event.ctrlKey || event.altKey || event.metaKey || event.isComposing || $("dialog[open]")) return;
  if (target.matches?.(NAMED) && itemOf(target)) return inName(event, target);
  const panel = target.closest?.("[data-panel]");
  if (panel) return inPanel(event, panel);
  if (target.matches?.("input, select, textarea")) return;
  if (event.key === "?") { event.preventDefault(); return $("#all-keys").showModal(); }
  if (free && event.key === "u") return undo();
  const item = itemOf(target) || (free && (current || items()[0]));
  const native = (event.key === "Enter" || event.key === " ") && target !== item && !free;
  if (item && item.isConnected && !native && !item.classList.contains("busy")) onItem(event, item);
});

if (review) {
  note_($("#items"));
  refresh = () => go(here()).catch(() => {});
  if (!location.hash && items().length) choose(items()[0], "still");
}
