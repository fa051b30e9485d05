// The live page: one stream of snapshots, drawn as they come. No framework, no other host.
import uPlot from "/static/vendor/uPlot.esm.js";

const $ = (id) => document.getElementById(id);
const text = (value) => document.createTextNode(value ?? "");

function cell(value, number) {
  const made = document.createElement("td");
  if (number) made.className = "n";
  made.append(value instanceof Node ? value : text(value));
  return made;
}

function link(waybill) {
  const made = document.createElement("a");
  made.href = `/parcel/${encodeURIComponent(waybill)}`;
  made.append(text(waybill));
  return made;
}

function fill(id, rows) {
  const body = rows.map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells);
    return row;
  });
  $(id).replaceChildren(...(body.length ? body : [document.createElement("tr")]));
}

const ink = getComputedStyle(document.documentElement);
const colour = (name) => ink.getPropertyValue(name).trim();

function chart(id) {
  const box = $(id);
  const axis = { stroke: colour("--dim"), grid: { stroke: colour("--line"), width: 1 }, ticks: { show: false } };
  const made = new uPlot(
    {
      width: box.clientWidth,
      height: 170,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
      axes: [axis, { ...axis, size: 55 }],
      series: [{}, { stroke: colour("--mark"), width: 2, fill: colour("--mark") + "22" }],
    },
    [[], []],
    box,
  );
  addEventListener("resize", () => made.setSize({ width: box.clientWidth, height: 170 }));
  return made;
}

const charts = ["chart-parcels", "chart-events", "chart-money"].map(chart);
const whole = new Intl.NumberFormat("zh-CN");

function draw(seen) {
  $("away").hidden = !seen.away;
  if (seen.away) {
    $("away").replaceChildren(text(`账簿库暂时无法访问，正在等待 · the store is away, waiting: ${seen.away}`));
    return;
  }
  for (const name of ["order", "events", "charges"]) $(name).textContent = whole.format(seen.counts[name] ?? 0);
  $("money").textContent = whole.format(Math.round(Number(seen.counts.money ?? 0)));
  $("p50").textContent = seen.latency.p50 ?? "–";
  $("p99").textContent = seen.latency.p99 ?? "–";
  $("today").textContent = seen.today;
  if (seen.charts.length) charts.forEach((each, n) => each.setData([seen.charts[0], seen.charts[n + 1]]));
  fill("fees", seen.fees.map(([zh, en, amount]) => [cell(`${zh} ${en}`), cell(amount, true)]));
  fill("provinces", seen.provinces.map(([name, amount]) => [cell(name), cell(amount, true)]));
  fill("newest", seen.newest.map((row) => [cell(link(row.waybill)), cell(row.fee), cell(row.amount, true)]));
  fill("waiting", seen.waiting.map((row) => {
    const list = document.createElement("span");
    row.waybills.forEach((waybill) => list.append(link(waybill), text(" ")));
    return [cell(`${row.label} ${row.why}`), cell(row.n, true), cell(list)];
  }));
  fill("refused", seen.refused.map((row) => [cell(`${row.label} ${row.why}`), cell(row.n, true)]));
  fill("letters", seen.letters.map((row) => {
    const raw = document.createElement("code");
    raw.append(text(row.raw));
    return [cell(row.label), cell(raw)];
  }));
}

new EventSource("/events").onmessage = (event) => draw(JSON.parse(event.data));
