// What the schemas of KEDA's custom resources say against the documents given as JSON: a line for each, empty if nothing.
for (const document of JSON.parse(process.argv[2])) {
  try {
    const { [document.kind]: Model } = require(`@kubernetes-models/keda/${document.apiVersion}/${document.kind}`);
    new Model(document).validate();
    console.log("");
  } catch (fault) {
    console.log(fault.message.split("\n")[0]);
  }
}
