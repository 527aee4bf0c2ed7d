// A Haraka plugin: every recipient is taken, and each message kept in the folder that the environment names.
'use strict';
const fs = require('fs');
const path = require('path');

const folder = process.env.KEEP_IN;

exports.hook_rcpt = function (next) {
    next(OK);
};

exports.hook_queue = function (next, connection) {
    const { uuid, mail_from, rcpt_to, message_stream } = connection.transaction;
    const file = fs.createWriteStream(path.join(folder, 'tmp', uuid));
    file.write(`Return-Path: <${mail_from.address()}>\nDelivered-To: ${rcpt_to[0].address()}\n`);
    message_stream.pipe(file, { dot_stuffed: true });
    file.once('finish', () => {
        fs.renameSync(path.join(folder, 'tmp', uuid), path.join(folder, 'new', uuid));
        next(OK);
    });
};
