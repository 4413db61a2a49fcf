// SPDX-License-Identifier: MIT
#pragma once

#include <string_view>

namespace chat {

/// The whole client: nothing is loaded from elsewhere.
inline constexpr std::string_view k_page = R"html(<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Chat</title>
<link rel="icon" href="data:,">
<style>
  :root { color-scheme: light dark; --paper: #f4f3ef; --card: #fff; --ink: #22252b; --soft: #7b7f87;
    --line: #e2e0d9; --accent: #2f6f5e; --mine: #dcefe7; }
  @media (prefers-color-scheme: dark) { :root { --paper: #17191d; --card: #1f2227; --ink: #e8e6e1;
    --soft: #8d929b; --line: #30343b; --accent: #63b59d; --mine: #23413a; } }
  * { box-sizing: border-box; margin: 0; }
  body { font: 16px/1.45 system-ui, "DejaVu Sans", sans-serif; background: var(--paper);
    color: var(--ink); height: 100dvh; display: grid; place-items: center; }
  main { width: min(44rem, 100vw); height: min(52rem, 100dvh); display: grid;
    grid-template-rows: auto 1fr auto; background: var(--card); overflow: hidden; }
  @media (min-width: 46rem) { main { border: 1px solid var(--line); border-radius: 14px;
    height: min(52rem, 92dvh); box-shadow: 0 12px 40px #0001; } }
  header { display: flex; align-items: center; gap: .6rem; padding: .9rem 1.2rem;
    border-bottom: 1px solid var(--line); }
  h1 { font-size: 1.05rem; letter-spacing: .01em; }
  #state { margin-left: auto; font-size: .85rem; color: var(--soft); }
  #state::before { content: ""; display: inline-block; width: .55rem; height: .55rem;
    border-radius: 50%; margin-right: .45rem; background: #c9584c; }
  #state.open::before { background: #41a274; }
  ol { list-style: none; padding: 1.1rem 1.2rem; overflow-y: auto; display: flex;
    flex-direction: column; gap: .5rem; }
  li { max-width: 80%; padding: .5rem .8rem; border-radius: 12px; background: var(--paper);
    overflow-wrap: anywhere; white-space: pre-wrap; align-self: start; }
  li b { display: block; font-size: .78rem; color: var(--accent); }
  li.mine { align-self: end; background: var(--mine); }
  li.notice { align-self: center; background: none; color: var(--soft); font-size: .85rem;
    padding: .1rem; }
  form { display: flex; gap: .6rem; padding: .9rem 1.2rem; border-top: 1px solid var(--line); }
  input { flex: 1; min-width: 0; font: inherit; color: inherit; padding: .6rem .8rem;
    border: 1px solid var(--line); border-radius: 10px; background: var(--paper); }
  button { font: inherit; font-weight: 600; padding: .6rem 1.1rem; border: 0; cursor: pointer;
    border-radius: 10px; background: var(--accent); color: var(--card); }
  :is(input, button):focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
</style>
<main>
  <header><h1>Chat</h1><span id="state" role="status">not connected</span></header>
  <ol id="lines" aria-live="polite"></ol>
  <form id="form">
    <input id="entry" autocomplete="off" maxlength="20" placeholder="Your name" required autofocus>
    <button id="send">Join</button>
  </form>
</main>
<script>
  const [form, entry, send, lines, state] =
    ["form", "entry", "send", "lines", "state"].map(id => document.getElementById(id));
  let who = "", socket, wait = 500;

  function show(from, text) {
    const line = document.createElement("li");
    if (!from) line.className = "notice";
    else if (from === who) line.className = "mine";
    else line.appendChild(document.createElement("b")).textContent = from;
    line.append(text);
    const atEnd = lines.scrollHeight - lines.scrollTop - lines.clientHeight < 80;
    lines.append(line);
    if (atEnd) lines.scrollTop = lines.scrollHeight;
  }

  function tell(word, isOpen) {
    state.textContent = word;
    state.classList.toggle("open", isOpen);
  }

  function connect() {
    tell("connecting", false);
    socket = new WebSocket(location.href.replace(/^http/, "ws").replace(/[?#].*/, "") + "chat");
    socket.onopen = () => {
      lines.replaceChildren();
      socket.send(who);
      wait = 500;
      tell("connected as " + who, true);
    };
    socket.onmessage = event => {
      const end = event.data.indexOf("\n");
      show(event.data.slice(0, end), event.data.slice(end + 1));
    };
    // A worker that leaves says 1001: the next one is there already.
    socket.onclose = event => {
      if (event.code === 1008) return tell(event.reason, false);
      tell("not connected", false);
      setTimeout(connect, wait);
      wait = Math.min(2 * wait, 8000);
    };
  }

  form.onsubmit = event => {
    event.preventDefault();
    const text = entry.value.trim();
    if (!text) return;
    if (!who) {
      who = text;
      entry.maxLength = 1000;
      entry.placeholder = "Say something";
      send.textContent = "Send";
      connect();
    } else if (socket.readyState === WebSocket.OPEN) {
      socket.send(text);
    } else {
      return;
    }
    entry.value = "";
    entry.focus();
  };
</script>
</html>
)html";

}  // namespace chat
