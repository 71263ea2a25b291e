"""ModelService to RayService: which revision is rolled out, rolled back or scaled in place, and what status says of it.

Pure: from what was observed to a Plan. Everything that a decision needs to remember stands in annotations of ControllerRevisions.
"""
