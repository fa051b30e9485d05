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

function made(tag, className, ...inside) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.append(...inside.map((each) => (each instanceof Node ? each : text(each))));
  return element;
}

function link(waybill) {
  const element = made("a", "", waybill);
  element.href = `/parcel/${encodeURIComponent(waybill)}`;
  return element;
}

// Chinese with its English beside it, smaller.
const named = (zh, en) => cell(made("span", "", zh, " ", made("small", "", en)));

// The same, as a link to those of a list that have this reason.
function leading(list, why, zh, en) {
  const element = made("a", "", zh, " ", made("small", "", en));
  element.href = `/${list}?reason=${encodeURIComponent(why)}`;
  return cell(element);
}

const reason = (list, row) => leading(list, row.why, row.label, row.why);

function bar(share) {
  const element = made("span", "bar");
  element.style.setProperty("--share", Math.max(0, share));
  return element;
}

// A time of the books (UTC) in Shanghai's time, to the minute.
const shanghai = new Intl.DateTimeFormat("zh-CN", {
  timeZone: "Asia/Shanghai", month: "2-digit", day: "2-digit", hour: "2-digit", minute: "2-digit", hour12: false,
});
const at = (time) => shanghai.format(Date.parse(`${time.replace(" ", "T")}Z`));

// Rows of cells; without any: there is nothing, or (undefined) nobody has asked yet.
function fill(id, rows) {
  const body = (rows ?? []).map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells);
    return row;
  });
  $(id).replaceChildren(...(body.length ? body : [made("tr", "", made("td", "none", rows ? "没有 none" : "正在查询 asking …"))]));
}

// Colours as the theme has them at this moment: the charts follow a change between light and dark.
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const clock = new Intl.DateTimeFormat("zh-CN", { timeZone: "Asia/Shanghai", hour: "2-digit", minute: "2-digit", second: "2-digit", hour12: false });

function chart(id) {
  const box = $(id);
  const axis = { stroke: () => colour("--dim"), grid: { stroke: () => colour("--line"), width: 1 }, ticks: { show: false } };
  const times = { ...axis, space: 90, size: 30, values: (_, splits) => splits.map((each) => clock.format(each * 1000)) };
  const plot = new uPlot(
    {
      width: box.clientWidth,
      height: 170,
      legend: { show: false },
      cursor: { show: false },
      scales: { y: { range: (_, low, high) => [0, Math.max(1, high * 1.1)] } },
      axes: [times, { ...axis, size: 55 }],
      series: [{}, { stroke: () => colour("--mark"), width: 2, fill: () => `${colour("--mark")}22`, points: { show: false } }],
    },
    [[], []],
    box,
  );
  addEventListener("resize", () => plot.setSize({ width: box.clientWidth, height: 170 }));
  return plot;
}

const charts = ["chart-parcels", "chart-events", "chart-money"].map(chart);
const whole = new Intl.NumberFormat("zh-CN");

// The first date is the books' today; the others stand as they are.
const dates = (seen) => seen.dates.length ? [[
  made("th", "", "业务日 ", made("small", "", "date")),
  ...seen.dates.map((day, n) => made("th", "n", n ? day : `今天 today ${day}`)),
]] : [];

function lanes(seen) {
  const still = seen.lanes.filter((lane) => lane.still);
  $("still").hidden = $("ended") || (seen.lanes.length && !still.length);
  $("still").replaceChildren(text(seen.lanes.length
    ? still.map((lane) => `泳道 ${lane.lane} 已 ${Math.round(lane.age)} 秒没有新区块 · Lane ${lane.lane} stands still: no block for ${Math.round(lane.age)} s.`).join(" ")
    : "还没有任何区块 · No lane has written a block yet."));
  $("block").textContent = seen.lanes.length ? Math.max(...seen.lanes.map((lane) => lane.age)).toFixed(1) : "–";
  $("lag").textContent = seen.lag === null ? "–" : whole.format(seen.lag);
}

function payments(seen) {
  $("payments").hidden = !seen;
  if (!seen) return;
  $("paid").textContent = seen.money;
  $("matched").textContent = seen.share;
  $("exceptions-open").textContent = whole.format(seen.open);
  $("paid-p50").textContent = seen.latency.p50 ?? "–";
  $("paid-p99").textContent = seen.latency.p99 ?? "–";
  fill("channels", [
    ["渠道 channel", "笔数 payments", "收 in", "付 out"].map((name, n) => made("th", n ? "n" : "", name)),
    ...seen.channels.map(([channel, zh, en, n, income, outgo]) => [leading("payments", channel, zh, en), cell(whole.format(n), true), cell(income, true), cell(outgo, true)]),
  ]);
  fill("exceptions", seen.exceptions.map((row) => [reason("exceptions", row), cell(whole.format(row.n), true), cell(`最早 ${at(row.oldest)}`)]));
  fill("cash", [
    ["资金头寸 where money stands", "余额 balance", "待核销 unknown"].map((name, n) => made("th", n ? "n" : "", name)),
    ...seen.cash.map(([channel, zh, en, stands, unknown]) => [channel ? leading("payments", channel, zh, en) : named(zh, en), cell(stands, true), cell(unknown, true)]),
  ]);
  $("remarks").replaceChildren(...seen.remarks.map((remark) => made("p", "", made("small", "", remark))));
  fill("aging", seen.aging.map(([bucket, zh, currency, n, owed]) => [leading("receivables", bucket, `应收 ${zh}`, currency), cell(whole.format(n), true), cell(owed, true)]));
}

const STALE = 3;

function draw(seen) {
  $("away").hidden = !seen.away;
  if (seen.away) {
    const since = Date.parse(seen.away) ? `（${clock.format(Date.parse(seen.away))} 起 since）` : "";
    $("away").replaceChildren(text(`账簿库暂时无法访问，正在等待；什么都不会丢${since} · The store is away; nothing is lost.`));
    return;
  }
  if (seen.age > STALE) {
    $("away").hidden = false;
    $("away").replaceChildren(text(`账簿库已 ${Math.round(seen.age)} 秒没有回答，以下不是最新 · The store has not answered for ${Math.round(seen.age)} s; what is shown is old.`));
    return;
  }
  lanes(seen);
  for (const name of ["order", "events", "charges"]) $(name).textContent = whole.format(seen.counts[name] ?? 0);
  $("money").textContent = whole.format(Math.round(Number(seen.counts.money ?? 0)));
  $("p50").textContent = seen.latency.p50 ?? "–";
  $("p99").textContent = seen.latency.p99 ?? "–";
  if (seen.charts.length) charts.forEach((each, n) => each.setData([seen.charts[0], seen.charts[n + 1]]));
  fill("fees", [
    ...dates(seen),
    ...seen.fees.map(([zh, en, amounts]) => [named(zh, en), ...amounts.map((amount) => cell(amount, true))]),
  ]);
  fill("provinces", [
    ...dates(seen),
    ...seen.provinces.map(([name, amounts, share]) => [made("td", "", name, bar(share)), ...amounts.map((amount) => cell(amount, true))]),
  ]);
  fill("newest", seen.newest.map((row) => [cell(link(row.waybill)), cell(row.route), cell(row.fee), cell(row.amount, true)]));
  fill("waiting", seen.waiting?.map((row) => [
    reason("waiting", row),
    cell(whole.format(row.n), true),
    made("td", "", ...row.waybills.flatMap((waybill) => [link(waybill), " "]), made("small", "", `最早 oldest ${at(row.oldest)}`)),
  ]));
  fill("anomalies", seen.anomalies?.map((row) => [reason("anomalies", row), cell(whole.format(row.n), true)]));
  fill("refused", seen.refused?.map((row) => [reason("dead-letters", row), cell(whole.format(row.n), true)]));
  payments(seen.payments);
  fill("letters", seen.letters?.map((row) => [cell(at(row.received)), cell(row.label), cell(made("code", "", row.raw))]));
}

const stream = new EventSource("/events");
stream.onmessage = (event) => draw(JSON.parse(event.data));
stream.onerror = () => {
  $("away").hidden = false;
  $("away").replaceChildren(text("与页面的连接断了，正在重连 · The page's own server does not answer; trying again."));
};
