"""From a platform's files to what runs in a cloud. A stage is a file, and a function from one frozen value to another.

    derive.py     project → Graph (graph.py): functions, what starts them, what they use. No cloud yet. Reads the
                  project, and neither network nor credentials nor the value of a secret.
    validate.py   Graph → problems, all at once, before anything is written or called.
    package.py    project → Package: the archives that functions run, the same bytes for the same input. Reads files.
    setting.py    what the resources of either cloud are made from: names, variables, a function's environment
    aws/, gcp/    Graph, Package → Resources (resource.py): a kind of resource a file. They compute, touch nothing,
                  and do not know each other.
    terraform.py  Resources → `main.tf.json`
    explain.py    Graph, Resources → what will exist, by which declaration, with which permissions: text or JSON
    draw.py       Graph → Mermaid
    compare.py    Resources, what stands → what would be made, changed, destroyed
    plan.py       all of these, one after the other; writes the folder that is handed over
    execute.py    runs Terraform in such a folder. The only stage that reaches a cloud, through Terraform.
    smoke.py      posts samples to what was deployed, and reads them back, by HTTP alone.

A secret is known by its name everywhere here: the project is read sealed (`secret://NAME`), a function is told the name
and reads the value itself when it starts.
"""
