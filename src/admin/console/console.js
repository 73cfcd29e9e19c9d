// The console's script. The token lives in sessionStorage and goes out only as an Authorization header to this origin.
// Everything shown is set as text: what functions and callers wrote is never markup here.
'use strict';

const $ = (id) => document.getElementById(id);
const KEY = 'isolane.token';
const REFRESH_MS = 5000;

function el(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === 'onclick') node.addEventListener('click', value);
    else node.setAttribute(name, value);
  }
  node.append(...children);
  return node;
}

class Refused extends Error {}

async function api(path) {
  const headers = { authorization: `Bearer ${sessionStorage.getItem(KEY) ?? ''}` };
  const response = await fetch(path, { headers, cache: 'no-store', redirect: 'error' });
  const body = await response.json();
  if (response.ok) return body;
  const message = body?.error?.message ?? `The host answered ${response.status}.`;
  throw response.status === 401 || response.status === 403 ? new Refused(message) : new Error(message);
}

const number = (value) => Number(value).toLocaleString('en');
const ms = (ns) => (ns < 1e6 ? `${(ns / 1e3).toFixed(0)} µs` : `${(ns / 1e6).toFixed(ns < 1e7 ? 2 : 0)} ms`);
const when = (iso) => new Date(iso).toLocaleTimeString();
const tone = (outcome) => (outcome === 'ok' ? 'good' : outcome === 'client_closed' ? 'dim' : 'bad');

function table(heads, rows, empty) {
  if (rows.length === 0) return el('div', { class: 'empty' }, empty);
  const th = heads.map(([text, kind]) => el('th', kind ? { class: kind } : {}, text));
  const body = rows.map((cells) =>
    el('tr', {}, ...cells.map((cell, at) => el('td', heads[at][1] ? { class: heads[at][1] } : {}, cell))),
  );
  return el('table', {}, el('thead', {}, el('tr', {}, ...th)), el('tbody', {}, ...body));
}

function options(select, values) {
  const known = new Set([...select.options].map((option) => option.value));
  for (const value of values) if (!known.has(value)) select.append(el('option', { value }, value));
}

function showCards(usage) {
  const sum = (key) => usage.reduce((total, group) => total + Number(group[key]), 0);
  const failed = usage.filter((group) => !['ok', 'client_closed'].includes(group.key.outcome));
  const errors = failed.reduce((total, group) => total + group.invocations, 0);
  const facts = [
    ['invocations, last 24 h', number(sum('invocations'))],
    ['ended in an error', number(errors)],
    ['cold starts', number(sum('coldStarts'))],
    ['billed', `${number(sum('billedMs'))} ms`],
    ['CPU', ms(sum('cpuNs'))],
  ];
  const cards = facts.map(([what, value]) => el('div', { class: 'card' }, el('b', {}, value), el('span', { class: 'dim' }, what)));
  $('cards').replaceChildren(...cards);
}

function showFunctions(items) {
  const heads = [['Name'], ['Version', 'num wide'], ['Where'], ['Isolates', 'num wide'], ['Running', 'num wide']];
  const rows = items.map((one) => [
    named(one),
    String(one.version),
    [...one.routes, ...(one.url ? [one.url] : []), ...one.cron.map(({ schedule }) => `cron ${schedule}`)].join(', ') || '–',
    number(one.isolates),
    number(one.running),
  ]);
  $('functions').replaceChildren(table(heads, rows, 'No functions yet: add one to isolane.json.'));
  options($('by-function'), items.map(({ name }) => name));
}

/** The name, and what is out of the ordinary: a function that brought its engine down. */
function named({ name, quarantine }) {
  if (quarantine.state === 'ordinary') return el('b', {}, name);
  return el('span', { title: quarantine.reason }, el('b', {}, name), el('span', { class: 'dim' }, ` ${quarantine.state}`));
}

function showInvocations(items) {
  const heads = [
    ['When'],
    ['Function'],
    ['Source', 'wide'],
    ['Outcome'],
    ['Status', 'num wide'],
    ['Run', 'num wide'],
    ['CPU', 'num wide'],
    ['Billed', 'num wide'],
  ];
  const rows = items.map((one) => [
    details(one),
    one.function,
    one.source,
    el('span', { class: tone(one.outcome) }, one.cold ? `${one.outcome} · cold` : one.outcome),
    String(one.status || '–'),
    ms(one.runNs),
    ms(one.cpuNs),
    `${one.billedMs} ms`,
  ]);
  $('invocations').replaceChildren(table(heads, rows, 'Nothing has run yet: call a function and it shows here.'));
  options($('by-outcome'), items.map(({ outcome }) => outcome));
}

function details({ invocationId, startedAt }) {
  const label = `Details of the invocation of ${when(startedAt)}`;
  return el('button', { type: 'button', onclick: () => open(invocationId), 'aria-label': label }, when(startedAt));
}

function waterfall(spans) {
  const times = spans.map((span) => [BigInt(span.startTimeUnixNano), BigInt(span.endTimeUnixNano)]);
  const start = times.reduce((least, [from]) => (from < least ? from : least), times[0][0]);
  const end = times.reduce((most, [, to]) => (to > most ? to : most), times[0][1]);
  const whole = Math.max(1, Number(end - start));
  const percent = (ns) => `${(Number(ns) / whole) * 100}%`;
  const rows = spans.map((span, at) => {
    const [from, to] = times[at];
    const bar = el('i', span.status.code === 2 ? { class: 'failed' } : {});
    // By the object model, which the policy of the page allows.
    bar.style.marginInlineStart = percent(from - start);
    bar.style.width = percent(to - from);
    return el('div', { class: 'span' }, `${span.name} · ${ms(Number(to - from))}`, el('div', { class: 'track' }, bar));
  });
  return el('div', {}, ...rows);
}

async function open(id) {
  const { record, spans, logs, problem, warnings } = await api(`/v1/invocations/${id}`);
  const parts = [];
  if (spans.length > 0) parts.push(el('h2', {}, 'Trace'), waterfall(spans));
  if (problem) parts.push(el('h2', { class: 'bad' }, `${problem.name}: ${problem.message}`), el('pre', {}, problem.stack));
  if (warnings.length > 0) parts.push(el('p', { class: 'warn' }, `80 % reached of: ${warnings.join(', ')}`));
  if (logs.length > 0) {
    const lines = logs.map((line) => `${new Date(line.epochMs).toISOString().slice(11, 23)} ${line.level.padEnd(5)} ${line.text}`);
    parts.push(el('h2', {}, 'Logs'), el('pre', {}, lines.join('\n')));
  }
  if (record) {
    const facts = Object.entries(record).flatMap(([name, value]) => [el('dt', {}, name), el('dd', {}, String(value))]);
    parts.push(el('h2', {}, 'Record'), el('dl', {}, ...facts));
  }
  $('detail-title').textContent = id;
  $('detail-body').replaceChildren(...parts);
  if (!$('detail').open) $('detail').showModal();
}

async function showReady() {
  try {
    const { status, reasons } = await (await fetch('/readyz', { cache: 'no-store' })).json();
    $('ready').className = `pill ${status === 'ready' ? 'good' : 'bad'}`;
    $('ready').textContent = status === 'ready' ? 'ready' : reasons.map(({ code }) => code).join(', ') || status;
  } catch {
    $('ready').className = 'pill bad';
    $('ready').textContent = 'unreachable';
  }
}

function gate(message) {
  sessionStorage.removeItem(KEY);
  $('refused').textContent = message;
  $('gate').hidden = false;
  $('board').hidden = true;
  $('leave').hidden = true;
  $('token').focus();
}

async function refresh() {
  await showReady();
  if (sessionStorage.getItem(KEY) === null) return gate('');
  const filters = new URLSearchParams({ limit: '50' });
  if ($('by-function').value) filters.set('function', $('by-function').value);
  if ($('by-outcome').value) filters.set('outcome', $('by-outcome').value);
  const from = new Date(Date.now() - 86_400_000).toISOString();
  try {
    const [functions, invocations, usage] = await Promise.all([
      api('/v1/functions'),
      api(`/v1/invocations?${filters}`),
      api(`/v1/usage?by=function,outcome&from=${from}`),
    ]);
    showCards(usage.items);
    showFunctions(functions.items);
    showInvocations(invocations.items);
    $('gate').hidden = true;
    $('board').hidden = false;
    $('leave').hidden = false;
    $('updated').textContent = `updated ${new Date().toLocaleTimeString()}`;
  } catch (error) {
    if (error instanceof Refused) gate(error.message);
    else $('updated').textContent = error.message;
  }
}

$('gate').addEventListener('submit', (event) => {
  event.preventDefault();
  sessionStorage.setItem(KEY, $('token').value.trim());
  $('token').value = '';
  refresh();
});
$('close').addEventListener('click', () => $('detail').close());
$('leave').addEventListener('click', () => gate(''));
for (const id of ['by-function', 'by-outcome']) $(id).addEventListener('change', refresh);
setInterval(() => {
  if (document.visibilityState === 'visible' && !$('detail').open && !$('board').hidden) refresh();
}, REFRESH_MS);
refresh();
