// What CloudFront does with each request of a browser, before it looks for an answer (runtime cloudfront-js-2.0).
// As local/front.py: the API is asked without its prefix, and what is no file is a page, which index.html draws.

// Of infra/browser.py TYPES; a test compares.
var FILES = ['.html', '.js', '.css', '.svg', '.png', '.json', '.LICENSE'];

function handler(event) {
  var request = event.request;
  if (request.uri.startsWith('/api/')) {
    request.uri = request.uri.substring('/api'.length);
    return request;
  }
  var name = request.uri.substring(request.uri.lastIndexOf('/') + 1);
  if (!FILES.some(function (ending) { return name.endsWith(ending); })) request.uri = '/index.html';
  return request;
}
