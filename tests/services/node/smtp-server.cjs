// The npm package smtp-server, keeping what it takes in the folder given. First line printed: its port.
'use strict';
const fs = require('fs');
const path = require('path');
const { SMTPServer } = require('smtp-server');

const { folder, pem, sevenBit } = JSON.parse(process.argv[2]);
let count = 0;

const server = new SMTPServer({
    name: 'mx.receiver.example',
    authOptional: true,
    disableReverseLookup: true,
    hide8BITMIME: sevenBit,
    hideSMTPUTF8: sevenBit,
    disabledCommands: pem ? ['AUTH'] : ['AUTH', 'STARTTLS'],
    ...(pem ? { key: fs.readFileSync(pem), cert: fs.readFileSync(pem) } : {}),
    onData(stream, session, done) {
        const name = String(count++);
        const file = fs.createWriteStream(path.join(folder, 'tmp', name));
        const { mailFrom, rcptTo } = session.envelope;
        file.write(`Return-Path: <${mailFrom ? mailFrom.address : ''}>\nDelivered-To: ${rcptTo[0].address}\n`);
        stream.pipe(file);
        file.on('finish', () => {
            fs.renameSync(path.join(folder, 'tmp', name), path.join(folder, 'new', name));
            done(null, 'kept');
        });
    }
});
server.on('error', error => console.error(String(error)));
server.listen(0, '127.0.0.1', () => console.log(server.server.address().port));
