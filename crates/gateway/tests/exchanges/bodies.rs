//! Requests with bodies, from RFC 9112 and 9110, and forms by which others are smuggled.

use super::{Exchange, differs, same};

/// What clients send.
pub(crate) const BODIES: &[Exchange] = &[
    same(200, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\n\r\nabc"),
    same(200, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 003\r\n\r\nabc"),
    same(200, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3 \r\n\r\nabc"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: +3\r\n\r\nabc"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: -3\r\n\r\nabc"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0x3\r\n\r\nabc"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3,3\r\n\r\nabc"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3, 4\r\n\r\nabcd"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3;x\r\n\r\nabc"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3 4\r\n\r\nabc"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length:\r\n\r\nabc"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 99999999999999999999\r\n\r\nabc"),
    differs(
        200,
        400,
        "twice the same length is one, and is handed on once (RFC 9110, 8.6)",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
    ),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length : 3\r\n\r\nabc"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length\r\n: 3\r\n\r\nabc"),
    same(200, "POST / HTTP/1.1\r\nHost: a.test\r\nContent_Length: 3\r\n\r\nabc"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3.0\r\n\r\nabc"),
    same(200, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\n\r\n"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\x0b\r\n\r\nabc"),
    same(200, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    differs(
        200,
        501,
        "blanks around a value are no part of it, tabs neither",
        "POST / HTTP/1.1\r\nHost: a.test\r\ntransfer-encoding:\tChunked \r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(200, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: CHUNKED\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    same(
        501,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        501,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: gzip, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        400,
        501,
        "refused by both",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked, gzip\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        400,
        501,
        "refused by both",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        501,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: identity, chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        400,
        501,
        "refused by both",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: xchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        400,
        501,
        "refused by both",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunkedx\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        400,
        501,
        "refused by both",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: \"chunked\"\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(501, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: ,chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    same(501, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked,\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    differs(
        400,
        501,
        "refused by both",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked;q=1\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        400,
        501,
        "refused by both",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\x0bchunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: \0chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding : chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    differs(
        400,
        501,
        "refused by both",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding:\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        501,
        400,
        "refused by both",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        400,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        501,
        400,
        "refused by both",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer_Encoding: chunked\r\nContent-Length: 13\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        400,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n , identity\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nX: 1\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        400,
        "POST / HTTP/1.1\r\nHost: a.test\r\nX: 1\rTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        200,
        400,
        "RFC 9112, 6.3: the length is dropped, the chunks are made anew, and the connection ends",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        200,
        400,
        "RFC 9112, 6.3: the length is dropped, the chunks are made anew, and the connection ends",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        200,
        400,
        "RFC 9112, 6.3: the length is dropped, the chunks are made anew, and the connection ends",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 13\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nConnection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(400, "POST / HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3;a=b\r\nabc\r\n0;c\r\n\r\n",
    ),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3;a=\"b\"\r\nabc\r\n0\r\n\r\n",
    ),
    same(200, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n"),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3 ;a\r\nabc\r\n0\r\n\r\n",
    ),
    same(200, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n03\r\nabc\r\n0\r\n\r\n"),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0000000000000003\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000000003\r\nabc\r\n0\r\n\r\n",
    ),
    differs(
        400,
        200,
        "a bare line feed ends no line of chunks",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n",
    ),
    differs(
        400,
        200,
        "a bare line feed ends no line of chunks",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n",
    ),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc0\r\n\r\n"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n"),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n"),
    same(
        400,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    ),
    same(400, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\ng\r\nabc\r\n0\r\n\r\n"),
    same(
        400,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff1\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        400,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3;a\nb\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        400,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3;\rb\r\nabc\r\n0\r\n\r\n",
    ),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX: 1\r\n\r\n",
    ),
    differs(
        400,
        200,
        "what stands behind the chunks is headers",
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX 1\r\n\r\n",
    ),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nContent-Length: 9\r\n\r\n",
    ),
    same(200, "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n00\r\n\r\n"),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
    ),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
    ),
    same(
        200,
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 40\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ),
    differs(
        200,
        400,
        "RFC 9112, 6.3: the length is dropped, the chunks are made anew, and the connection ends",
        "POST / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 6\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ),
    same(
        400,
        "POST / HTTP/1.1\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\nTransfer-encoding: x\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ),
    same(
        200,
        "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 40\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ),
    same(
        400,
        "GET / HTTP/1.1\r\nHost: a.test\r\nContent-Length: 0\r\nX: GET /smuggled HTTP/1.1\r\nHost: a.test\r\n\r\n",
    ),
];
