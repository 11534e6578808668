// Connects as the options on standard input say (ioredis's own, as JSON), writes a key and reads it, and
// prints what it saw as JSON; with exit code 1 what it was told instead. Options come so that no password is
// among the arguments. NODE_PATH names the folder that has ioredis.
"use strict";

const Redis = require("ioredis");

async function use(options) {
    const client = new Redis({ ...options, lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: null });
    const troubles = [];
    client.on("error", (error) => troubles.push(error.message));
    try {
        await client.connect();
        await client.set("colour", "green");
        return { user: await client.call("ACL", "WHOAMI"), colour: await client.get("colour") };
    } catch (error) {
        throw new Error([error.message, ...troubles].join("; "));
    } finally {
        client.disconnect();
    }
}

let text = "";
process.stdin.on("data", (piece) => (text += piece));
process.stdin.on("end", () =>
    use(JSON.parse(text)).then(
        (seen) => console.log(JSON.stringify(seen)),
        (error) => {
            console.log(JSON.stringify({ error: error.message }));
            process.exitCode = 1;
        },
    ),
);
