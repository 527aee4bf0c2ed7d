// The DKIM verifier of the npm package mailauth, with key records from a file instead of the DNS.
// A line on standard input is a message's file name; its answer is one line: what it says of each signature, in order.
'use strict';
const fs = require('fs');
const readline = require('readline');
const { dkimVerify } = require('mailauth/lib/dkim/verify');

const records = JSON.parse(fs.readFileSync(process.argv[2]));

async function resolver(name, type) {
    if (type === 'TXT' && name in records) {
        return [[records[name]]];
    }
    const missing = new Error(`no ${type} record of ${name}`);
    missing.code = 'ENOTFOUND';
    throw missing;
}

(async () => {
    for await (const file of readline.createInterface({ input: process.stdin })) {
        const { results } = await dkimVerify(fs.createReadStream(file), { resolver });
        console.log(JSON.stringify(results.map(({ status }) => status.result)));
    }
})();
