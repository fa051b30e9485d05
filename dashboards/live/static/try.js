// A table of trials is sent without leaving the page, which tells how far it is. Without this script the form works, too.
const $ = (id) => document.getElementById(id);
const form = $("table");
const whole = new Intl.NumberFormat("zh-CN");
const CUT_OFF = "与页面的连接断了，请重新上传 · The page's own server broke off; send the table again.";

// Lines of JSON, and then bytes, from a stream.
function reading(stream) {
  const reader = stream.getReader();
  let held = new Uint8Array();
  return {
    async line() {
      for (;;) {
        const end = held.indexOf(10);
        if (end >= 0) {
          const line = new TextDecoder().decode(held.subarray(0, end));
          held = held.slice(end + 1);
          return JSON.parse(line);
        }
        const { done, value } = await reader.read();
        if (done) throw new Error(CUT_OFF);
        const joined = new Uint8Array(held.length + value.length);
        joined.set(held);
        joined.set(value, held.length);
        held = joined;
      }
    },
    async rest() {
      const pieces = [held];
      for (;;) {
        const { done, value } = await reader.read();
        if (done) return pieces;
        pieces.push(value);
      }
    },
  };
}

function tell(said) {
  const [bar, words] = $("progress").children;
  $("progress").hidden = false;
  if (said.of) [bar.max, bar.value] = [said.of, said.rows];
  else bar.removeAttribute("value");
  if (said.waits) words.textContent = "前面还有一张表格 · Another table comes first.";
  else if (said.of) words.textContent = `${whole.format(said.rows)} / ${whole.format(said.of)} 行 rows`;
  else words.textContent = "正在读取 reading …";
}

// The file is saved as a download is, and stays at hand.
function give(file, said) {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(file);
  link.download = link.textContent = said.name;
  const failed = said.failed ? `${whole.format(said.failed)} 行有错误，见 error 列 with an error, see column error` : "没有错误 no error";
  $("progress").children[0].hidden = true;
  $("progress").children[1].replaceChildren(`已完成 ${whole.format(said.rows)} 行 rows done · ${failed} · `, link);
  link.click();
}

async function send() {
  const answer = await fetch(form.action, { method: "POST", body: new FormData(form), headers: { Accept: "application/x-ndjson" } });
  const read = reading(answer.body);
  for (;;) {
    const said = await read.line();
    if (said.wrong) throw new Error(said.wrong);
    if (!said.name) tell(said);
    else {
      const file = new Blob(await read.rest(), { type: said.type });
      if (file.size !== said.size) throw new Error(CUT_OFF);
      return give(file, said);
    }
  }
}

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  $("wrong").hidden = true;
  $("progress").children[0].hidden = false;
  tell({});
  try {
    await send();
  } catch (error) {
    $("progress").hidden = true;
    $("wrong").hidden = false;
    $("wrong").textContent = error instanceof TypeError || error instanceof SyntaxError ? CUT_OFF : error.message;
  } finally {
    button.disabled = false;
  }
});
