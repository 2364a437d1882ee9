/* Two clients of the library in Node, on a network that the caller breaks: each writes to the other until both have everything.
   Run by tests/flows/test_web_in_node.py: node exchange.mjs <url of alice> <url of bob> <messages of each>. Prints what both saw. */
import WebSocket from "ws";
import { createClient, memoryStore } from "../recado.js";

const [, , aliceUrl, bobUrl, many] = process.argv;
const count = Number(many);

/** With an access token that is no good any more: the first connection has to be mended by a renewal. */
const join = async (name, url) => {
  const answer = await fetch(`${url}/api/auth/login/`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ username: name, password: "correct horse battery" }),
  });
  const { access, refresh } = await answer.json();
  const ended = access.slice(0, -4) + (access.endsWith("AAAA") ? "BBBB" : "AAAA");
  const client = createClient({
    url, WebSocket, store: memoryStore(), session: "tokens", tokens: { access: ended, refresh }, random: () => Math.random() / 10,
  });
  const heard = [];
  const states = new Set();
  const ended_by = [];
  client.on("message", ({ content }) => heard.push(content));
  client.on("state", ({ connection }) => states.add(connection));
  client.on("ended", (told) => ended_by.push(told));
  await client.resume();
  return { client, heard, states, ended_by };
};

const until = (done) =>
  new Promise((resolve) => {
    const look = setInterval(() => done() && (clearInterval(look), resolve()), 5);
  });

const people = await Promise.all([join("alice", aliceUrl), join("bob", bobUrl)]);
await until(() => people.every(({ client }) => client.upToDate));
console.error("live");
for (let turn = 0; turn < count; turn += 1) {
  for (const [at, { client }] of people.entries()) await client.send(["bob", "alice"][at], `${"ab"[at]}${String(turn).padStart(4, "0")}`);
  await new Promise((resolve) => setTimeout(resolve, 10));
}
await until(() => people.every(({ client, heard }) => client.upToDate && client.unsent === 0 && heard.length >= 2 * count));
await until(() => people.every(({ client }, at) => client.messages(["bob", "alice"][at]).every(({ state, mine }) => !mine || state !== "sent")));
const seen = people.map(({ client, heard, states, ended_by }, at) => ({
  heard,
  texts: client.messages(["bob", "alice"][at]).map(({ content }) => content),
  states: [...states],
  ended_by: [...ended_by],
}));
await people[0].client.signOut();
people[1].client.stop();
console.log(JSON.stringify(seen));
