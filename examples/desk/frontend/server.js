import { createServer } from "node:http";
import Mustache from "mustache";

const page = `<!doctype html>
<title>Desk</title>
<ul>{{#tickets}}
<li>{{id}}: {{title}}</li>{{/tickets}}
</ul>
`;

createServer(async (request, response) => {
  try {
    const answer = await fetch(`${process.env.API_URL}/tickets`);
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(Mustache.render(page, { tickets: await answer.json() }));
  } catch (error) {
    console.error(error);
    response.writeHead(502).end("the API does not answer\n");
  }
}).listen(3000, () => console.log("listening on 3000"));
