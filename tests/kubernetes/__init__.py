"""Rules that every rendered pod with Sheaf keeps, whoever has rendered it: kustomize (docker/k8s) or Helm (docker/helm).

    documents = render.kustomize("docker/k8s/examples/native")   # or render.manifest(text) of what another tool printed
    for sentence in rules.violations(documents, binary):         # binary: the path of sheaf
        print(sentence)

A rule is a function that takes a `pod.Pod`, or all documents, and yields a sentence for each thing that is wrong.
"""
